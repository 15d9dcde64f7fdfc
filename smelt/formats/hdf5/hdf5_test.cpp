#include "smelt/formats/hdf5/hdf5.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/base/file.h"
#include "smelt/base/random.h"
#include "smelt/formats/hdf5/test_writer.h"

namespace smelt::hdf5 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<float> ramp(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 251) - 100;
  return values;
}

std::vector<float> read(const Group& group, const std::string& path) {
  const Floats floats = group.dataset(path).floats();
  return {floats.values.begin(), floats.values.end()};
}

/// Creation properties of a dataset.
struct Storage {
  hid_t id = H5Pcreate(H5P_DATASET_CREATE);
  Storage() = default;
  ~Storage() { H5Pclose(id); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  Storage& chunks(const std::vector<hsize_t>& dims) {
    H5Pset_chunk(id, static_cast<int>(dims.size()), dims.data());
    return *this;
  }
};

class Styles : public testing::TestWithParam<bool> {
 protected:
  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "file.h5";
};

TEST_P(Styles, ReadsEveryLayout) {
  const std::vector<float> values = ramp(37 * 53);
  const std::vector<hsize_t> dims{37, 53};
  {
    test::Writer file(path_, GetParam());
    file.floats("contiguous", dims, values);
    file.floats("scalar", {}, {2.5f});
    file.floats("empty", {0, 3}, {});
    Storage compact;
    H5Pset_layout(compact.id, H5D_COMPACT);
    file.floats("compact", {4, 5}, ramp(20), H5T_IEEE_F32LE, compact.id);
    file.floats("chunked", dims, values, H5T_IEEE_F32LE, Storage().chunks({10, 10}).id);
    file.floats("one_chunk", dims, values, H5T_IEEE_F32LE, Storage().chunks({37, 53}).id);
    file.floats("many_chunks", dims, values, H5T_IEEE_F32LE, Storage().chunks({1, 1}).id);
    file.floats("growing", dims, values, H5T_IEEE_F32LE, Storage().chunks({10, 10}).id,
                {H5S_UNLIMITED, H5S_UNLIMITED});
    Storage early;
    H5Pset_alloc_time(early.chunks({10, 10}).id, H5D_ALLOC_TIME_EARLY);
    file.floats("early", dims, values, H5T_IEEE_F32LE, early.id);
    file.floats("cube", {3, 5, 7}, ramp(105), H5T_IEEE_F32LE, Storage().chunks({2, 2, 3}).id);
  }
  const Group root = File::open(path_).root();
  for (const char* name :
       {"contiguous", "chunked", "one_chunk", "many_chunks", "growing", "early"}) {
    EXPECT_EQ(read(root, name), values) << name;
    EXPECT_THAT(root.dataset(name).shape(), ElementsAre(37, 53)) << name;
  }
  EXPECT_EQ(read(root, "compact"), ramp(20));
  EXPECT_EQ(read(root, "cube"), ramp(105));
  EXPECT_THAT(read(root, "scalar"), ElementsAre(2.5f));
  EXPECT_THAT(root.dataset("scalar").shape(), ElementsAre());
  EXPECT_THAT(read(root, "empty"), ElementsAre());
}

TEST_P(Styles, UndoesFilters) {
  const std::vector<float> values = ramp(37 * 53);
  {
    test::Writer file(path_, GetParam());
    Storage gzip, shuffled, summed, all;
    H5Pset_deflate(gzip.chunks({10, 10}).id, 6);
    file.floats("gzip", {37, 53}, values, H5T_IEEE_F32LE, gzip.id);
    H5Pset_shuffle(shuffled.chunks({10, 10}).id);
    file.floats("shuffled", {37, 53}, values, H5T_IEEE_F32LE, shuffled.id);
    H5Pset_fletcher32(summed.chunks({11, 53}).id);
    file.floats("summed", {37, 53}, values, H5T_IEEE_F32LE, summed.id);
    H5Pset_shuffle(all.chunks({37, 53}).id);
    H5Pset_deflate(all.id, 9);
    H5Pset_fletcher32(all.id);
    file.floats("all", {37, 53}, values, H5T_IEEE_F32LE, all.id);
  }
  const Group root = File::open(path_).root();
  for (const char* name : {"gzip", "shuffled", "summed", "all"}) {
    EXPECT_EQ(read(root, name), values) << name;
  }
}

TEST_P(Styles, ConvertsElementTypes) {
  const std::vector<float> values{-2, 0, 1.5f, 100};
  const std::vector<float> whole{-2, 0, 1, 100};
  {
    test::Writer file(path_, GetParam());
    file.floats("f32be", {4}, values, H5T_IEEE_F32BE);
    file.floats("f64", {4}, values, H5T_IEEE_F64LE);
    file.floats("f64be", {4}, values, H5T_IEEE_F64BE);
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    file.floats("f16", {4}, values, half);
    H5Tclose(half);
    file.floats("i8", {4}, whole, H5T_STD_I8LE);
    file.floats("i16be", {4}, whole, H5T_STD_I16BE);
    file.floats("i64", {4}, whole, H5T_STD_I64LE);
    file.floats("u8", {2}, {0, 200}, H5T_STD_U8LE);
  }
  const Group root = File::open(path_).root();
  for (const char* name : {"f32be", "f64", "f64be", "f16"}) {
    EXPECT_EQ(read(root, name), values) << name;
  }
  for (const char* name : {"i8", "i16be", "i64"}) EXPECT_EQ(read(root, name), whole) << name;
  EXPECT_THAT(read(root, "u8"), ElementsAre(0, 200));
  EXPECT_EQ(root.dataset("f32be").type_name(), "big-endian float32");
  EXPECT_EQ(root.dataset("u8").type_name(), "uint8");
}

TEST_P(Styles, ListsGroupsOfEverySize) {
  constexpr int kMany = 3000;
  {
    test::Writer file(path_, GetParam());
    file.floats("few/b", {1}, {1});
    file.floats("few/a", {1}, {2});
    file.group("none");
    for (int i = 0; i < kMany; ++i) {
      file.floats("many/layer_with_a_long_name_" + std::to_string(i), {}, {static_cast<float>(i)});
    }
    file.floats("a/b/c/d", {1}, {3});
  }
  const Group root = File::open(path_).root();
  EXPECT_THAT(root.children(), ElementsAre("a", "few", "many", "none"));
  EXPECT_THAT(root.group("few").children(), ElementsAre("a", "b"));
  EXPECT_THAT(root.group("none").children(), ElementsAre());
  const Group many = root.group("many");
  EXPECT_EQ(many.children().size(), size_t{kMany});
  EXPECT_THAT(read(many, "layer_with_a_long_name_1234"), ElementsAre(1234));
  EXPECT_THAT(read(root, "a/b/c/d"), ElementsAre(3));
  EXPECT_TRUE(root.contains("a/b"));
  EXPECT_FALSE(root.contains("a/x"));
  EXPECT_TRUE(root.is_dataset("few/a"));
  EXPECT_FALSE(root.is_dataset("few"));
}

TEST_P(Styles, ReadsStrings) {
  const std::string large(70'000, 'x');
  {
    test::Writer file(path_, GetParam());
    file.group("g");
    file.string_attribute("g", "variable", "hello");
    file.string_attribute("g", "fixed", "fixed text", false);
    file.string_attribute("g", "none", "");
    file.strings_attribute("g", "names", {"a", "bcd", ""});
    file.strings_attribute("g", "variable_names", {"one", "", "three"}, true);
    file.empty_attribute("g", "empty");
    file.string_attribute("g", "large", large);
    // In the newest format, more than eight attributes move to a heap, and long ones out of it.
    if (GetParam()) file.string_attribute("g", "large_fixed", large, false);
    for (int i = 0; i < 20; ++i) {
      file.string_attribute("g", "more" + std::to_string(i), std::to_string(i));
    }
  }
  const Group group = File::open(path_).root().group("g");
  EXPECT_EQ(group.attribute_string("variable"), "hello");
  EXPECT_EQ(group.attribute_string("fixed"), "fixed text");
  EXPECT_EQ(group.attribute_string("none"), "");
  EXPECT_THAT(group.attribute_strings("names"), ElementsAre("a", "bcd", ""));
  EXPECT_THAT(group.attribute_strings("variable_names"), ElementsAre("one", "", "three"));
  EXPECT_THAT(group.attribute_strings("empty"), ElementsAre());
  EXPECT_EQ(group.attribute_string("large"), large);
  if (GetParam()) {
    EXPECT_EQ(group.attribute_string("large_fixed"), large);
  }
  EXPECT_EQ(group.attribute_string("more17"), "17");
  EXPECT_TRUE(group.has_attribute("names"));
  EXPECT_FALSE(group.has_attribute("nothing"));
}

TEST_P(Styles, SkipsUserBlock) {
  {
    test::Writer file(path_, GetParam(), 1024);
    file.floats("g/x", {3}, {1, 2, 3});
  }
  EXPECT_THAT(read(File::open(path_).root(), "g/x"), ElementsAre(1, 2, 3));
}

/// Everything that the reader can reach, touched once; errors are fine.
void walk(const Group& group, int depth) {
  for (const std::string& name : group.children()) {
    try {
      group.has_attribute("names");
      if (group.is_dataset(name)) {
        group.dataset(name).floats();
      } else if (depth < 4) {
        const Group child = group.group(name);
        child.attribute_strings("names");
        walk(child, depth + 1);
      }
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    }
  }
}

void open_and_walk(ByteView bytes) {
  try {
    walk(File::from_bytes(bytes, nullptr).root(), 0);
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
  }
}

TEST_P(Styles, SurvivesDamage) {
  {
    test::Writer file(path_, GetParam());
    file.floats("plain", {8, 8}, ramp(64));
    Storage gzip;
    H5Pset_deflate(gzip.chunks({3, 3}).id, 6);
    file.floats("gzip", {8, 8}, ramp(64), H5T_IEEE_F32LE, gzip.id, {H5S_UNLIMITED, H5S_UNLIMITED});
    file.floats("fixed", {8, 8}, ramp(64), H5T_IEEE_F32LE, Storage().chunks({3, 3}).id);
    for (int i = 0; i < 12; ++i) file.floats("g/x" + std::to_string(i), {1}, {1});
    file.strings_attribute("g", "names", {"a", "b"}, true);
    for (int i = 0; i < 10; ++i) file.string_attribute("g", "t" + std::to_string(i), "text");
  }
  const std::string original = read_text_file(path_);
  for (size_t size = 0; size < original.size(); size += 1 + original.size() / 200) {
    open_and_walk(as_bytes(std::string_view(original).substr(0, size)));
  }
  Random random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = original;
    const uint64_t changes = 1 + random.below(8);
    for (uint64_t c = 0; c < changes; ++c) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.next());
    }
    open_and_walk(as_bytes(std::string_view(damaged)));
  }
}

INSTANTIATE_TEST_SUITE_P(Hdf5, Styles, testing::Bool(),
                         [](const auto& style) { return style.param ? "Newest" : "Oldest"; });

TEST(Hdf5, SharesMappedValues) {
  const test::TemporaryFolder folder;
  {
    test::Writer file(folder / "f.h5");
    file.floats("x", {4}, {1, 2, 3, 4});
  }
  const Group root = File::open(folder / "f.h5").root();
  EXPECT_EQ(root.dataset("x").floats().values.data(), root.dataset("x").floats().values.data());
}

template <class Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return fmt::format("{}: {}", name(error.kind()), error.what());
  }
  return "no error";
}

TEST(Hdf5, NamesWhatItCannotRead) {
  const test::TemporaryFolder folder;
  {
    test::Writer file(folder / "f.h5", true);
    file.floats("x", {4}, {1, 2, 3, 4});
    H5Lcreate_soft("/x", file.id(), "link", H5P_DEFAULT, H5P_DEFAULT);
    file.floats("grow", {4}, {1, 2, 3, 4}, H5T_IEEE_F32LE, Storage().chunks({2}).id,
                {H5S_UNLIMITED});
    file.floats("unwritten", {4}, {});
    file.string_attribute("/", "text", "t");
    const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tcommit2(file.id(), "type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    file.floats("named_type", {2}, {1, 2}, type);
    H5Tclose(type);
  }
  const Group root = File::open(folder / "f.h5").root();
  EXPECT_THAT(message_of([&] { root.dataset("link"); }), HasSubstr("\"link\" is a soft"));
  EXPECT_THAT(message_of([&] { root.dataset("grow").floats(); }), HasSubstr("unsupported"));
  EXPECT_THAT(message_of([&] { root.dataset("unwritten").floats(); }), HasSubstr("never written"));
  EXPECT_THAT(message_of([&] { root.dataset("nothing"); }),
              HasSubstr("dataset \"nothing\": it is missing"));
  EXPECT_THAT(message_of([&] { root.group("x"); }), HasSubstr("not a group"));
  EXPECT_THAT(message_of([&] { root.dataset("type"); }), HasSubstr("not a dataset"));
  EXPECT_THAT(read(root, "named_type"), ElementsAre(1, 2));
  EXPECT_THAT(message_of([&] { root.attribute_string("other"); }),
              HasSubstr("attribute \"other\": it is missing"));
  const std::string text = "no such thing";
  EXPECT_THAT(message_of([&] { File::from_bytes(as_bytes(std::string_view(text)), nullptr); }),
              HasSubstr("not an HDF5 file"));
}

}  // namespace
}  // namespace smelt::hdf5
