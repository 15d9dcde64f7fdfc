#include "smelt/train/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "smelt/base/file.h"
#include "smelt/data/npz_writer.h"
#include "smelt/data/test_files.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/ir/dump.h"
#include "smelt/train/training_parts.h"

namespace smelt::train {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::HasSubstr;

/// Images [6,6,1] in 0..1 of three classes: one bright third each, in noise.
void write_data(const fs::path& path, int32_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> x;
  std::vector<int32_t> y;
  for (int32_t i = 0; i < count; ++i) {
    y.push_back(static_cast<int32_t>(random.below(3)));
    for (int32_t cell = 0; cell < 36; ++cell) {
      const bool bright = cell / 12 == y.back();
      x.push_back(random.uniform(0, 0.6f) + (bright ? 0.4f : 0.0f));
    }
  }
  NpzWriter writer(path);
  writer.add("x", test::make_array({count, 6, 6, 1}, x));
  writer.add("y", test::make_array({count}, y));
  writer.commit();
}

class Training : public testing::Test {
 protected:
  Training() {
    write_data(folder_ / "train.npz", 90, 1);
    write_data(folder_ / "test.npz", 60, 2);
    specification_.model.source = "mlp";
    specification_.model.units = {16};
    specification_.model.dropout = 0.1;
    specification_.data.train = (folder_ / "train.npz").string();
    specification_.data.validation = (folder_ / "test.npz").string();
    specification_.data.cache_mb = 1;
    specification_.training.batch = 16;
    specification_.training.epochs = 6;
    specification_.training.learning_rate = 0.01;
    specification_.training.threads = 2;
    specification_.output.plots = false;
  }

  TrainingReport run(const Specification& specification, OpenRun open = OpenRun::fresh,
                     int64_t stop_behind = -1) const {
    int64_t steps = 0;
    TrainingCallbacks callbacks;
    callbacks.progress = [&](const TrainingProgress& at) {
      return at.validating || stop_behind < 0 || ++steps < stop_behind;
    };
    return run_training(specification, {.open = open, .version = "1"}, callbacks);
  }

  Specification in_folder(const std::string& name) const {
    Specification specification = specification_;
    specification.output.run = (folder_ / name).string();
    return specification;
  }

  test::TempDir folder_;
  Specification specification_;
};

TEST_F(Training, Learns) {
  const Specification specification = in_folder("run");
  const TrainingReport report = run(specification);
  ASSERT_EQ(report.result.history.size(), 6u);
  const EpochMetrics& last = report.result.history.back();
  EXPECT_GT(last.find("val_accuracy").value(), 0.9);
  EXPECT_LT(last.find("loss").value(), report.result.history[0].find("loss").value());
  EXPECT_EQ(report.result.steps, 36);
  EXPECT_GT(report.result.samples_per_second, 0);
  EXPECT_EQ(report.parameters, 36 * 16 + 16 + 16 * 3 + 3);
  ASSERT_EQ(report.models.size(), 1u);
  // The file computes what validation measured in the epoch that was kept.
  const auto best = static_cast<size_t>(report.result.best_epoch);
  EXPECT_EQ(report.models[0].evaluation->accuracy,
            report.result.history[best - 1].find("val_accuracy"));
}

TEST_F(Training, WritesItsFolder) {
  const Specification specification = in_folder("run");
  const TrainingReport report = run(specification);
  const fs::path folder = specification.output.run;
  for (const char* name : {"model.tflite", "checkpoints/last.ckpt", "checkpoints/best.ckpt",
                           "history.csv", "history.json", "tensorboard"}) {
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  }
  const std::string lines = read_text_file(folder / "metrics.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 6);
  Specification resolved;
  load_specification(folder / "specification.toml", resolved);
  EXPECT_EQ(resolved.training.loss, "sparse_categorical_crossentropy");
  EXPECT_EQ(resolved.model.input, "6x6x1");
  EXPECT_EQ(resolved.model.classes, 3);
  EXPECT_EQ(resolved.training.monitor, "val_accuracy");
  EXPECT_EQ(resolved.training.keep, "best");
  const auto json = to_json(report);
  for (const char* key : {"samples_per_second", "loss", "accuracy", "val_loss", "val_accuracy"}) {
    EXPECT_TRUE(json[key].is_number()) << key;
  }
  EXPECT_EQ(json["history"].size(), 6u);
  EXPECT_THAT(error_of([&] { run(specification); }), HasSubstr("holds a run"));
  run(specification, OpenRun::overwrite);
}

TEST_F(Training, ResumesToTheSameBytes) {
  Specification whole = in_folder("whole");
  whole.augment = parse_augment("flip,rotation,cutout=2");
  whole.prune.sparsity = 0.5;
  whole.training.schedule = "cosine";
  whole.training.keep = "best";
  run(whole);
  const auto file = [](const Specification& s, const char* name) {
    return test::read_bytes(fs::path(s.output.run) / name);
  };
  for (const int64_t stop : {1, 5, 6, 17, 35}) {
    Specification parts = whole;
    parts.output.run = (folder_ / fmt::format("parts{}", stop)).string();
    EXPECT_TRUE(run(parts, OpenRun::fresh, stop).result.interrupted);
    EXPECT_FALSE(fs::exists(fs::path(parts.output.run) / "model.tflite"));
    parts.training.threads = 1;
    parts.data.workers = 3;
    const TrainingReport report = run(parts, OpenRun::resume);
    EXPECT_EQ(report.result.history.size(), 6u) << stop;
    EXPECT_EQ(file(parts, "model.tflite"), file(whole, "model.tflite")) << stop;
    EXPECT_EQ(file(parts, "checkpoints/best.ckpt"), file(whole, "checkpoints/best.ckpt")) << stop;
  }
}

TEST_F(Training, ResumeWantsTheSameSettings) {
  Specification specification = in_folder("run");
  run(specification, OpenRun::fresh, 3);
  specification.training.batch = 8;
  EXPECT_THAT(
      error_of([&] { run(specification, OpenRun::resume); }),
      HasSubstr("cannot go on with other settings: it was 'batch = 16' and is 'batch = 8'"));
  specification = in_folder("run");
  specification.model.units = {8};
  EXPECT_THAT(error_of([&] { run(specification, OpenRun::resume); }), HasSubstr("units"));
  const fs::path checkpoint = fs::path(specification.output.run) / "checkpoints" / "last.ckpt";
  test::write_bytes(checkpoint, test::read_bytes(checkpoint).substr(0, 300));
  specification = in_folder("run");
  EXPECT_THAT(error_of([&] { run(specification, OpenRun::resume); }),
              HasSubstr("bad_file: checkpoint " + checkpoint.string() + ": it is damaged"));
}

TEST_F(Training, DivergenceNamesTheLayer) {
  specification_.training.learning_rate = 1e38;
  specification_.training.optimizer = "sgd";
  const std::string error = error_of([&] { run(specification_); });
  EXPECT_THAT(error, HasSubstr("training diverged in epoch 1"));
  EXPECT_THAT(error, HasSubstr("dense"));
}

TEST_F(Training, FrozenLayersStayAsTheyAre) {
  specification_.model.freeze = {"dense"};
  const TrainingData data = open_training_data(specification_.data, 0);
  const Model model = open_training_model(specification_, data);
  TrainingSession session(model, data, specification_);
  Trainer trainer(session.parts(), session.options(data, specification_));
  std::map<std::string, std::vector<float>> before;
  for (const Parameter* each : session.module().parameters()) before[each->name] = each->data;
  trainer.run();
  for (const Parameter* each : session.module().parameters()) {
    EXPECT_EQ(each->data == before[each->name], each->layer == "dense") << each->name;
  }
  EXPECT_EQ(to_json(run(specification_))["trainable_parameters"], 16 * 3 + 3);
  specification_.model.freeze = {"dens"};
  EXPECT_THAT(error_of([&] { run(specification_); }), HasSubstr("--freeze dens: no layer"));
}

TEST_F(Training, FineTunesBehindANewHead) {
  run(in_folder("first"));
  Specification second = in_folder("second");
  second.model = {.source = (folder_ / "first/model.tflite").string(), .cut = "flatten"};
  second.model.source = (folder_ / "first/model.tflite").string();
  const Model backbone = tflite::load(second.model.source);
  const Graph& graph = backbone.main();
  second.model.cut = graph.tensor(graph.op(graph.ops().at(1)).output()).name;
  const TrainingReport report = run(second);
  EXPECT_GT(report.result.history.back().find("val_accuracy").value(), 0.9);
  second.model.cut = "flaten";
  second.output.run += "2";
  EXPECT_THAT(error_of([&] { run(second); }), HasSubstr("--cut: the model has no layer flaten"));
}

TEST_F(Training, StopsWhenNothingImproves) {
  specification_.training.learning_rate = 0;
  specification_.training.patience = 2;
  const TrainingReport report = run(specification_);
  EXPECT_TRUE(report.result.stopped_early);
  EXPECT_EQ(report.result.history.size(), 3u);
  EXPECT_EQ(report.result.best_epoch, 1);
}

TEST_F(Training, QuantizesAtTheEnd) {
  Specification specification = in_folder("run");
  specification.output.quantize = "int8";
  specification.output.model = (folder_ / "out.tflite").string();
  const TrainingReport report = run(specification);
  ASSERT_EQ(report.models.size(), 2u);
  EXPECT_EQ(report.models[1].scheme, "int8");
  EXPECT_EQ(report.models[1].path, specification.output.model);
  EXPECT_GT(report.models[1].evaluation->accuracy.value(), 0.9);
  EXPECT_EQ(test::read_bytes(specification.output.model),
            test::read_bytes(folder_ / "run/model_int8.tflite"));
}

TEST_F(Training, PrunesThenClustersInOneRun) {
  Specification whole = in_folder("whole");
  whole.prune.sparsity = 0.5;
  whole.cluster.clusters = 8;
  whole.output.quantize = "int8";
  const TrainingReport report = run(whole);
  for (const WrittenModel& model : report.models) {
    EXPECT_EQ(model.kernels.sparsity(), 0.5) << model.scheme;
    EXPECT_LE(model.kernels.unique, 8) << model.scheme;
    EXPECT_GT(model.evaluation->accuracy.value(), 0.9) << model.scheme;
  }
  for (const int64_t stop : {10, 25, 30}) {  // the last masks are chosen at step 24
    Specification parts = whole;
    parts.output.run = (folder_ / fmt::format("parts{}", stop)).string();
    EXPECT_TRUE(run(parts, OpenRun::fresh, stop).result.interrupted);
    run(parts, OpenRun::resume);
    EXPECT_EQ(test::read_bytes(fs::path(parts.output.run) / "model.tflite"),
              test::read_bytes(fs::path(whole.output.run) / "model.tflite"))
        << stop;
  }
  whole.cluster.begin_epoch = 6;
  EXPECT_THAT(error_of([&] { run(whole, OpenRun::overwrite); }),
              HasSubstr("clustering begins at step 36, but the run has 36"));
}

TEST_F(Training, ContinuesACompressedModel) {
  Specification first = in_folder("first");
  first.prune.sparsity = 0.6;
  first.cluster.clusters = 6;
  const TrainingReport before = run(first);
  Specification second = in_folder("second");
  second.model = {.source = before.models[0].path};
  second.cluster.clusters = 6;
  second.cluster.keep = true;
  second.cluster.keep_zeros = true;
  second.distill.teacher = before.models[0].path;
  second.output.quantize = "int8";
  const TrainingReport after = run(second);
  EXPECT_EQ(after.models[0].kernels.zeros, before.models[0].kernels.zeros);
  EXPECT_LE(after.models[1].kernels.unique, 6);
}

TEST_F(Training, SaysWhatDoesNotFit) {
  const auto error = [&](auto change) {
    Specification changed = specification_;
    change(changed);
    return error_of([&] { run(changed); });
  };
  EXPECT_THAT(error([](Specification& s) { s.model.classes = 2; }), HasSubstr("3 classes"));
  EXPECT_THAT(error([](Specification& s) { s.data.train = "nothing.npz"; }),
              HasSubstr("nothing.npz"));
  EXPECT_THAT(error([](Specification& s) { s.data.validation_split = 0.5; }),
              HasSubstr("exclude each other"));
  EXPECT_THAT(error([](Specification& s) { s.training.batch = 0; }), HasSubstr("--batch"));
  EXPECT_THAT(error([](Specification& s) { s.training.loss = "hinge"; }), HasSubstr("hinge"));
  EXPECT_THAT(error([](Specification& s) { s.training.optimizer = "lion"; }), HasSubstr("lion"));
  EXPECT_THAT(error([](Specification& s) { s.model.input = "5x5x1"; }), HasSubstr("[6, 6, 1]"));
}

}  // namespace
}  // namespace smelt::train
