#include "smelt/train/specification.h"

#include <gtest/gtest.h>

#include "smelt/data/test_files.h"

namespace smelt::train {
namespace {

using test::error_of;

TEST(Specification, ReadsEverySortOfValue) {
  Specification s;
  read_specification(R"(
[model]
source = "mobilenet_v2"
width = 1
strides = [1, 1, 2, 2, 2]
freeze = ["Conv1*", "block_1_*"]
dropout = 0.3
[training]
batch = 64
learning_rate = 1e-2
[augment]
flip = "both"
rotation = 15
fill = "nearest"
[optimizer]
nesterov = true
)",
                     s);
  EXPECT_EQ(s.model.source, "mobilenet_v2");
  EXPECT_EQ(s.model.strides, (std::vector<int>{1, 1, 2, 2, 2}));
  EXPECT_EQ(s.model.freeze, (std::vector<std::string>{"Conv1*", "block_1_*"}));
  EXPECT_EQ(s.model.dropout, 0.3);
  EXPECT_EQ(s.training.batch, 64);
  EXPECT_EQ(s.training.learning_rate, 0.01);
  EXPECT_EQ(s.augment.flip, Flip::both);
  EXPECT_EQ(s.augment.fill, FillMode::nearest);
  EXPECT_TRUE(s.optimizer.nesterov);
  EXPECT_EQ(s.training.epochs, 10) << "stays";
}

TEST(Specification, NamesWhatIsWrong) {
  const auto error = [](std::string_view text) {
    Specification s;
    return error_of([&] { read_specification(text, s); });
  };
  EXPECT_EQ(error("[training]\nbatchs = 3"),
            "bad_file: [training] has no key batchs; did you mean batch?");
  EXPECT_EQ(error("[trainig]\nbatch = 3"),
            "bad_file: there is no section [trainig]; did you mean training?");
  EXPECT_EQ(error("[training]\nbatch = 3.5"), "bad_file: [training] batch: is no whole number");
  EXPECT_EQ(error("[model]\nclasses = 99999999999"),
            "bad_file: [model] classes: is no whole number");
  EXPECT_EQ(error("[model]\nstrides = 2"), "bad_file: [model] strides: is no list");
  EXPECT_EQ(error("[model]\nstrides = [2, 'x']"), "bad_file: [model] strides: is no whole number");
  EXPECT_EQ(error("[augment]\nflip = 'up'"),
            "bad_argument: [augment] flip: augment: there is no flip up; there are none, "
            "horizontal, vertical, both");
  EXPECT_EQ(error("batch = 3"), "bad_file: there is no section [batch]; did you mean data?");
  EXPECT_TRUE(error("[training\n").starts_with("bad_file: line "));
}

TEST(Specification, SetsByName) {
  Specification s;
  set_option(s, "training.batch", "8");
  set_option(s, "model.units", "64,32");
  set_option(s, "optimizer.weight_decay", "0.01");
  set_option(s, "prune.overrides", "conv*=0.5,dense=0");
  set_option(s, "qat.enabled", "true");
  EXPECT_EQ(s.training.batch, 8);
  EXPECT_EQ(s.model.units, (std::vector<int>{64, 32}));
  EXPECT_EQ(s.optimizer.weight_decay, 0.01);
  EXPECT_EQ(s.prune.overrides, (std::vector<std::string>{"conv*=0.5", "dense=0"}));
  EXPECT_TRUE(s.qat.enabled);
  const auto error = [&](std::string_view key, std::string_view value) {
    return error_of([&] { set_option(s, key, value); });
  };
  EXPECT_EQ(error("training.bach", "8"),
            "bad_argument: there is no setting training.bach; did you mean training.batch?");
  EXPECT_EQ(error("training.batch", "8x"), "bad_argument: training.batch: 8x is no whole number");
  EXPECT_EQ(error("qat.enabled", "yes"), "bad_argument: qat.enabled: yes is no true or false");
  EXPECT_NE(error("batch", "8"), "");
}

TEST(Specification, WritesWhatItReads) {
  Specification s;
  s.model.source = "quote\" back\\slash \n line";
  s.model.freeze = {"a", "b*"};
  s.training.learning_rate = 1e-7;
  s.augment.zoom = 0.1;
  const std::string text = to_toml(s, "two\nlines");
  EXPECT_TRUE(text.starts_with("# two\n# lines\n\n[model]\nsource = ")) << text;
  Specification again;
  read_specification(text, again);
  EXPECT_EQ(to_toml(again, "two\nlines"), text);
  EXPECT_EQ(again.model.source, s.model.source);
  EXPECT_EQ(again.training.learning_rate, 1e-7);
}

}  // namespace
}  // namespace smelt::train
