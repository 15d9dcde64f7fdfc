#include "smelt/c/smelt.h"

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/ir/builder.h"

namespace {

using testing::HasSubstr;

/// y = relu(x * 2), [1,3].
std::vector<uint8_t> small_model() {
  smelt::GraphBuilder b;
  const auto x = b.input("x", smelt::DataType::float32, {1, 3});
  const auto two = b.constant<float>("two", {1}, {2});
  b.output(b.op(smelt::OpType::mul, {x, two},
                smelt::FusedAttributes{.activation = smelt::Activation::relu}, "y",
                smelt::DataType::float32, {1, 3}));
  return smelt::tflite::serialize(std::move(b).build_model());
}

struct Loaded {
  Loaded() {
    const std::vector<uint8_t> file = small_model();
    smelt_status status = SMELT_INTERNAL;
    smelt_model* model = smelt_load_tflite(file.data(), file.size(), &status);
    EXPECT_EQ(status, SMELT_OK) << smelt_last_error();
    interpreter = smelt_interpreter_new(model);
    other = smelt_interpreter_new(model);
    smelt_model_free(model);  // interpreters keep what they need
  }
  ~Loaded() {
    smelt_interpreter_free(interpreter);
    smelt_interpreter_free(other);
  }
  smelt_interpreter* interpreter = nullptr;
  smelt_interpreter* other = nullptr;
};

std::vector<float> run(smelt_interpreter* interpreter, std::vector<float> x) {
  EXPECT_EQ(smelt_input_bytes(interpreter, 0), x.size() * sizeof(float));
  std::memcpy(smelt_input(interpreter, 0), x.data(), x.size() * sizeof(float));
  EXPECT_EQ(smelt_invoke(interpreter), SMELT_OK);
  const auto* y = static_cast<const float*>(smelt_output(interpreter, 0));
  return {y, y + smelt_output_bytes(interpreter, 0) / sizeof(float)};
}

TEST(C, RunsAModelFromMemoryInSeveralThreads) {
  Loaded loaded;
  std::vector<float> y;
  std::thread thread([&] { y = run(loaded.other, {4, 5, -6}); });
  EXPECT_EQ(run(loaded.interpreter, {1, -2, 3}), (std::vector<float>{2, 0, 6}));
  thread.join();
  EXPECT_EQ(y, (std::vector<float>{8, 10, 0}));
  EXPECT_EQ(smelt_reset(loaded.interpreter), SMELT_OK);
}

TEST(C, DescribesInputsAndOutputs) {
  Loaded loaded;
  ASSERT_EQ(smelt_input_count(loaded.interpreter), 1u);
  ASSERT_EQ(smelt_output_count(loaded.interpreter), 1u);
  smelt_tensor x;
  ASSERT_EQ(smelt_input_info(loaded.interpreter, 0, &x), SMELT_OK);
  EXPECT_STREQ(x.name, "x");
  EXPECT_EQ(x.type, SMELT_FLOAT32);
  ASSERT_EQ(x.rank, 2);
  EXPECT_EQ(x.dims[1], 3);
  EXPECT_EQ(x.scale, 0);
  EXPECT_EQ(smelt_output_info(loaded.interpreter, 1, &x), SMELT_BAD_ARGUMENT);
  EXPECT_THAT(smelt_last_error(), HasSubstr("no output 1"));
  EXPECT_EQ(smelt_input(loaded.interpreter, 1), nullptr);
  EXPECT_EQ(smelt_output_bytes(loaded.interpreter, 1), 0u);
}

TEST(C, HooksSeeEveryResult) {
  Loaded loaded;
  std::string seen;
  const smelt_hook hook = [](void* user, const char* op, const smelt_tensor* tensor,
                             const void* values, size_t bytes) {
    float last = 0;
    std::memcpy(&last, static_cast<const char*>(values) + bytes - sizeof(last), sizeof(last));
    *static_cast<std::string*>(user) +=
        std::string(op) + " " + tensor->name + " " + std::to_string(last);
  };
  smelt_set_hook(loaded.interpreter, hook, &seen);
  run(loaded.interpreter, {1, 2, 3});
  EXPECT_EQ(seen, "MUL y 6.000000");
  smelt_set_hook(loaded.interpreter, nullptr, nullptr);
  run(loaded.interpreter, {1, 2, 3});
  EXPECT_EQ(seen, "MUL y 6.000000");
}

TEST(C, SaysWhyALoadFailed) {
  smelt_status status = SMELT_OK;
  EXPECT_EQ(smelt_load("missing.tflite", &status), nullptr);
  EXPECT_EQ(status, SMELT_IO);
  EXPECT_THAT(smelt_last_error(), HasSubstr("missing.tflite"));
  EXPECT_EQ(smelt_load(nullptr, nullptr), nullptr);
  EXPECT_EQ(smelt_load_tflite("no model", 8, &status), nullptr);
  EXPECT_EQ(status, SMELT_BAD_FILE);
  EXPECT_EQ(smelt_interpreter_new(nullptr), nullptr);
  smelt_model_free(nullptr);
  smelt_interpreter_free(nullptr);
}

}  // namespace
