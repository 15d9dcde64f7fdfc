// Runs every model of a collection that has goldens: inputs, and outputs of TFLite Micro
// (tflm0...), of LiteRT's reference kernels (ref0...) or its default engine (xnn0...), in
// FOLDER/goldens/PATH.npz for FOLDER/PATH.tflite.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "smelt/data/npz.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/run/run_samples.h"

namespace smelt {
namespace {

namespace fs = std::filesystem;

enum class Outcome { pass, unsupported, fail };

struct Verdict {
  Outcome outcome = Outcome::pass;
  std::string text;
};

/// Values of an output as TFLite Micro gave them, and what the model gave, sample by sample.
struct Comparison {
  Array expected;
  DataType type = DataType::float32;         ///< of the model's output
  std::vector<std::vector<uint8_t>> actual;  ///< per sample
  float tolerance = 1e-5f;                   ///< of floats, relative to the largest
};

/// `tolerance` is relative to the largest value.
std::string compare_floats(const float* actual, const float* expected, int64_t count,
                           float tolerance) {
  float largest = 0;
  float error = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isnan(actual[i]) && std::isnan(expected[i])) continue;
    if (actual[i] == expected[i]) continue;
    largest = std::max(largest, std::abs(expected[i]));
    const float difference = std::abs(actual[i] - expected[i]);
    error = std::isnan(difference) ? INFINITY : std::max(error, difference);
  }
  for (int64_t i = 0; i < count; ++i) {
    if (std::isfinite(expected[i])) largest = std::max(largest, std::abs(expected[i]));
  }
  if (error <= tolerance * std::max(largest, 1e-3f)) return "";
  return fmt::format("float error {} where values reach {}", error, largest);
}

std::string compare(const Comparison& c) {
  std::vector<uint8_t> actual;
  for (const auto& sample : c.actual) actual.insert(actual.end(), sample.begin(), sample.end());
  if (c.expected.data.size() != actual.size()) {
    return fmt::format("{} bytes where {} are expected", actual.size(), c.expected.data.size());
  }
  if (c.type == DataType::float32) {
    return compare_floats(reinterpret_cast<const float*>(actual.data()),
                          c.expected.data.as<float>().data(), c.expected.shape.elements(),
                          c.tolerance);
  }
  size_t differing = 0;
  int most = 0;
  const ByteView expected = c.expected.data.bytes();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == actual[i]) continue;
    ++differing;
    most =
        std::max(most, std::abs(static_cast<int8_t>(expected[i]) - static_cast<int8_t>(actual[i])));
  }
  if (differing == 0) return "";
  return fmt::format("{} of {} {} bytes differ, by up to {}", differing, expected.size(),
                     name(c.type), most);
}

/// Positions in the list of inputs that can be fed; goldens hold no values for constants.
std::vector<size_t> fed_inputs(const Graph& graph) {
  std::vector<size_t> fed;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    if (!graph.tensor(graph.inputs()[i]).is_constant) fed.push_back(i);
  }
  return fed;
}

/// True where float activations are rounded to 8 bits inside of an op: what differs in the last bit
/// of a float before may round to the next step there.
bool is_hybrid(const Graph& graph) {
  return std::ranges::any_of(graph.ops(), [&](OpId id) {
    const Op& op = graph.op(id);
    const Tensor* weights = graph.constant_input(op, 1);
    return weights != nullptr && op.output() && op.input(0) && is_integer(weights->type) &&
           weights->quantization.quantized() && graph.tensor(op.input(0)).type == DataType::float32;
  });
}

Verdict run_golden(const fs::path& model_path, const NpzFile& golden, std::string_view engine) {
  const Model model = tflite::load(model_path);
  std::shared_ptr<const Program> program = Program::prepare(
      model, {.numerics = engine == "xnn" ? Numerics::litert : Numerics::reference});
  std::vector<Array> inputs;
  for (const size_t i : fed_inputs(model.main())) {
    if (!golden.has(fmt::format("in{}", i))) {
      return {Outcome::unsupported, "the golden has no values for an input"};
    }
    inputs.push_back(golden.read(fmt::format("in{}", i)));
  }
  std::vector<Comparison> outputs;
  for (size_t i = 0; i < program->graph().outputs().size(); ++i) {
    const std::string key = fmt::format("{}{}", engine, i);
    if (!golden.has(key)) return {Outcome::unsupported, "the golden lacks an output"};
    outputs.push_back({.expected = golden.read(key),
                       .type = program->graph().tensor(program->graph().outputs()[i]).type,
                       .tolerance = is_hybrid(model.main()) ? 2e-4f : 1e-5f});
  }
  if (outputs.empty()) return {Outcome::unsupported, "the model has no outputs"};
  const int64_t samples = outputs[0].expected.shape[0];
  for (Comparison& output : outputs) output.actual.resize(static_cast<size_t>(samples));
  std::string error;
  run_samples(
      program, samples, {},
      [&](int64_t sample, const SampleInputs& to) {
        for (size_t i = 0; i < to.count(); ++i) {
          const ByteView all = inputs[i].data.bytes();
          const size_t size = all.size() / static_cast<size_t>(samples);
          if (size != to.bytes(i).size())
            fail(ErrorKind::bad_argument, "input {} differs in size", i);
          std::ranges::copy(all.subspan(static_cast<size_t>(sample) * size, size),
                            to.bytes(i).begin());
        }
      },
      [&](int64_t sample, const SampleOutputs& from) {
        for (size_t i = 0; i < outputs.size(); ++i) {
          const auto bytes = from.bytes(i);
          outputs[i].actual[static_cast<size_t>(sample)].assign(bytes.begin(), bytes.end());
        }
      });
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string difference = compare(outputs[i]);
    if (!difference.empty()) return {Outcome::fail, fmt::format("output {}: {}", i, difference)};
  }
  return {};
}

Verdict check(const fs::path& model_path, const NpzFile& golden, std::string_view engine) {
  try {
    return run_golden(model_path, golden, engine);
  } catch (const Error& error) {
    const bool ours = error.kind() != ErrorKind::unsupported;
    return {ours ? Outcome::fail : Outcome::unsupported, error.what()};
  }
}

std::vector<fs::path> goldens(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "goldens")) {
    if (entry.path().extension() != ".npz") continue;
    fs::path model = folder / fs::relative(entry.path(), folder / "goldens");
    model.replace_extension();
    if (model.extension() == ".tflite" && fs::exists(model)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// Models on which TFLite Micro is wrong and LiteRT's reference kernels are the measure:
/// mnist_quantized computes a dense layer in float from int8 weights of one scale per channel, and
/// TFLite Micro takes the integers for the weights. call_once_mul assigns a variable in CALL_ONCE;
/// TFLite Micro's reset clears the variable but does not call again. single_slice has fewer begins
/// than axes, and TFLite Micro reads what lies behind them; LiteRT refuses it.
/// test_transpose_conv_2 has an int32 bias that TFLite Micro reads as int64, add_quantized_int8
/// integers that it reads as floats.
bool faulty_in_micro(const fs::path& model) {
  return model.filename() == "mnist_quantized.tflite" ||
         model.filename() == "call_once_mul.bin.tflite" ||
         model.filename() == "single_slice.tflite" ||
         model.filename() == "test_transpose_conv_2.tflite" ||
         model.filename() == "add_quantized_int8.bin.tflite";
}

/// LiteRT's reference kernel gives zeros for dense layers of blockwise weights.
bool faulty_in_reference(const fs::path& model) {
  return model.filename() == "qwen_fc_blockwise_quantized.tflite";
}

void run_collection(const char* folder, std::string_view engine, bool where_tflm_ran) {
  if (folder == nullptr || !fs::is_directory(fs::path(folder) / "goldens")) {
    GTEST_SKIP() << "no collection of models";
  }
  std::map<Outcome, int> count;
  std::map<std::string, int> reasons;
  for (const fs::path& path : goldens(folder)) {
    const auto golden = NpzFile::open(path);
    if (golden->has("tflm0") != where_tflm_ran || !golden->has(fmt::format("{}0", engine)))
      continue;
    fs::path model = folder / fs::relative(path, fs::path(folder) / "goldens");
    model.replace_extension();
    const std::string_view measure = faulty_in_micro(model) ? "ref" : engine;
    if (!golden->has(fmt::format("{}0", measure)) || faulty_in_reference(model)) continue;
    const Verdict verdict = check(model, *golden, measure);
    ++count[verdict.outcome];
    if (verdict.outcome == Outcome::unsupported) ++reasons[verdict.text];
    if (verdict.outcome == Outcome::fail) {
      ADD_FAILURE() << fs::relative(model, folder).string() << ": " << verdict.text;
    }
  }
  std::printf("%s: %d equal, %d unsupported, %d different\n", std::string(engine).c_str(),
              count[Outcome::pass], count[Outcome::unsupported], count[Outcome::fail]);
  for (const auto& [reason, models] : reasons) std::printf("  %3d %s\n", models, reason.c_str());
}

const char* collection() { return std::getenv("SMELT_MODELS"); }

TEST(Goldens, EqualTfliteMicro) { run_collection(collection(), "tflm", true); }
TEST(Goldens, EqualLiteRtReferenceWhereMicroCannotRun) {
  run_collection(collection(), "ref", false);
}
TEST(Goldens, OwnModelsEqualTfliteMicro) { run_collection(SMELT_GOLDENS, "tflm", true); }
TEST(Goldens, OwnModelsEqualLiteRt) { run_collection(SMELT_GOLDENS, "ref", false); }
TEST(Goldens, OwnModelsEqualLiteRtDefault) { run_collection(SMELT_GOLDENS, "xnn", false); }

}  // namespace
}  // namespace smelt
