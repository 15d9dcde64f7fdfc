// Every folder of tests/golden/saved_model holds a model and golden.npz: in0, in1 ... and out0,
// out1
// ... as TensorFlow computes them, sorted by the names in the signature.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "smelt/base/file.h"
#include "smelt/data/npz.h"
#include "smelt/formats/saved_model/saved_model.h"
#include "smelt/ir/verify.h"
#include "smelt/run/interpreter.h"

namespace smelt::saved_model {
namespace {

namespace fs = std::filesystem;

double value_at(DataType type, ByteView bytes, size_t i) {
  const auto read = [&](auto zero) {
    std::memcpy(&zero, bytes.data() + i * sizeof zero, sizeof zero);
    return static_cast<double>(zero);
  };
  if (type == DataType::float32) return read(0.0f);
  if (type == DataType::int64) return read(int64_t{0});
  return read(int32_t{0});
}

void compare(const Array& expected, DataType type, ByteView actual) {
  const auto count = static_cast<size_t>(expected.shape.elements());
  ASSERT_EQ(type, expected.type);
  ASSERT_EQ(actual.size(), expected.data.size());
  double largest = 1e-3;
  for (size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::abs(value_at(type, expected.data.bytes(), i)));
  }
  for (size_t i = 0; i < count; ++i) {
    EXPECT_NEAR(value_at(type, actual, i), value_at(type, expected.data.bytes(), i),
                1e-4 * largest);
  }
}

TEST(SavedModel, ComputesWhatTensorFlowComputes) {
  int models = 0;
  for (const auto& folder : fs::directory_iterator(SMELT_GOLDENS)) {
    SCOPED_TRACE(folder.path().filename().string());
    const Model model = load(folder.path());
    verify(model);
    ASSERT_EQ(model.signatures.size(), 1u);
    Interpreter interpreter(Program::prepare(model));
    const auto golden = NpzFile::open(folder.path() / "golden.npz");
    for (size_t i = 0; i < model.main().inputs().size(); ++i) {
      const Array in = golden->read(fmt::format("in{}", i));
      const auto bytes = interpreter.input_bytes(i);
      ASSERT_EQ(bytes.size(), in.data.size());
      std::copy(in.data.bytes().begin(), in.data.bytes().end(), bytes.begin());
    }
    interpreter.invoke();
    for (size_t i = 0; i < model.main().outputs().size(); ++i) {
      compare(golden->read(fmt::format("out{}", i)),
              model.main().tensor(model.main().outputs()[i]).type, interpreter.output_bytes(i));
    }
    ++models;
  }
  EXPECT_GE(models, 1);
}

TEST(SavedModel, SaysWhichSignaturesThereAre) {
  for (const auto& folder : fs::directory_iterator(SMELT_GOLDENS)) {
    try {
      load(folder.path(), {.signature = "nothing"});
      FAIL();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("serving_default"), std::string::npos);
    }
  }
}

/// A copy of a model of which one file is damaged.
TEST(SavedModel, DamagedFilesAreErrors) {
  const fs::path source = fs::directory_iterator(SMELT_GOLDENS)->path();
  const fs::path copy = fs::temp_directory_path() / "smelt_damaged_saved_model";
  uint32_t state = 12345;
  const auto random = [&](size_t bound) {
    state = state * 1664525 + 1013904223;
    return static_cast<size_t>(state >> 8) % bound;
  };
  for (const char* name :
       {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}) {
    if (!fs::exists(source / name)) continue;
    const std::string whole = read_text_file(source / name);
    for (int i = 0; i < 150; ++i) {
      fs::remove_all(copy);
      fs::copy(source, copy, fs::copy_options::recursive);
      std::string damaged = whole;
      damaged[random(damaged.size())] ^= static_cast<char>(1 << random(8));
      if (i % 3 == 0) damaged.resize(random(damaged.size()));
      fs::remove(copy / name);
      write_file(copy / name, as_bytes(damaged));
      try {
        verify(load(copy));
      } catch (const Error& error) {
        EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
      }
    }
  }
  fs::remove_all(copy);
}

}  // namespace
}  // namespace smelt::saved_model
