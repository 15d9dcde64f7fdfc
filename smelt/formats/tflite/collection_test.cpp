#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "smelt/formats/tflite/test_models.h"
#include "smelt/ir/dump.h"

namespace smelt::tflite {
namespace {

namespace fs = std::filesystem;

/// All .tflite files below the folder that SMELT_MODELS names; none where it is not set.
std::vector<fs::path> collection() {
  std::vector<fs::path> files;
  const char* folder = std::getenv("SMELT_MODELS");
  if (folder == nullptr || !fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".tflite") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Whether the collection means the file to be broken; its names say so.
bool spoiled_on_purpose(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.find("invalid") != std::string::npos || name.starts_with("0_subgraphs") ||
         name.starts_with("blockwise_quantized");
}

TEST(Collection, LoadSaveLoadGivesAnEqualModel) {
  const std::vector<fs::path> files = collection();
  if (files.empty()) GTEST_SKIP() << "SMELT_MODELS names no folder";
  for (const fs::path& path : files) {
    try {
      const Model model = load(path);
      const Model again = parse_bytes(serialize(model));
      EXPECT_EQ(difference(model, again), "") << path;
      EXPECT_EQ(serialize(model), serialize(again)) << path;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
      EXPECT_TRUE(spoiled_on_purpose(path)) << error.what();
    }
  }
}

}  // namespace
}  // namespace smelt::tflite
