#include "smelt/data/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/base/parallel.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::Bytes;
using test::error_of;
using test::make_array;
using test::npy_bytes;
using test::zip_bytes;
using test::ZipMember;
using testing::ElementsAre;
using testing::HasSubstr;

class Npz : public testing::Test {
 protected:
  std::shared_ptr<const NpzFile> open(const Bytes& bytes) {
    test::write_bytes(dir_ / "a.npz", bytes);
    return NpzFile::open(dir_ / "a.npz");
  }
  std::string error(const Bytes& bytes, bool as_rows) {
    return error_of([&] {
      const auto file = open(bytes);
      if (as_rows) {
        file->rows("x").read_all();
      } else {
        file->read("x");
      }
    });
  }
  void expect_errors(const Bytes& bytes, const std::string& text) {
    EXPECT_THAT(error(bytes, true), HasSubstr(text));
    EXPECT_THAT(error(bytes, false), HasSubstr(text));
  }

  test::TempDir dir_;
  Array x_ = make_array<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  Array y_ = make_array<int64_t>({3}, {0, 1, 2});
};

TEST_F(Npz, ReadsStoredAndDeflatedMembers) {
  for (const bool deflate : {false, true}) {
    for (const bool sizes_follow : {false, true}) {
      const auto file = open(zip_bytes({{"x.npy", npy_bytes(x_), deflate, -1, sizes_follow},
                                        {"notes.txt", "not an array"},
                                        {"y.npy", npy_bytes(y_), deflate, -1, sizes_follow}}));
      EXPECT_THAT(file->keys(), ElementsAre("x", "y"));
      EXPECT_EQ(file->read("x"), x_);
      EXPECT_EQ(file->read("y"), y_);
      EXPECT_EQ(file->header("x").shape, x_.shape);
      EXPECT_EQ(file->header("y").type, DataType::int64);
      const Rows rows = file->rows("x");
      std::vector<float> row(2);
      rows.read_float(1, 1, row);
      EXPECT_THAT(row, ElementsAre(3, 4));
    }
  }
}

TEST_F(Npz, KeepsRowsReadableAfterTheArchiveIsClosed) {
  auto file = open(zip_bytes({{"x.npy", npy_bytes(x_)}}));
  const Rows rows = file->rows("x");
  file.reset();
  EXPECT_EQ(rows.read_all(), x_);
}

TEST_F(Npz, ReadsFromSeveralThreads) {
  const auto file = open(zip_bytes({{"x.npy", npy_bytes(x_), true}, {"y.npy", npy_bytes(y_)}}));
  const Rows stored = file->rows("y");
  parallel_for(200, 4, [&](int, int64_t i) {
    EXPECT_EQ(file->read("x"), x_);
    std::vector<float> label(1);
    stored.read_float(i % 3, 1, label);
    EXPECT_EQ(label[0], static_cast<float>(i % 3));
  });
}

TEST_F(Npz, TreatsNamesAsKeysAndNeverAsPaths) {
  const auto file = open(zip_bytes({{"../../x.npy", npy_bytes(x_)},
                                    {"/a/b.npy", npy_bytes(y_)},
                                    {"folder/", ""},
                                    {"X.NPY", "?"},
                                    {".npy", npy_bytes(y_)}}));
  EXPECT_THAT(file->keys(), ElementsAre("../../x", "/a/b", ""));
  EXPECT_EQ(file->read("../../x"), x_);
  EXPECT_EQ(file->read(""), y_);
}

TEST_F(Npz, NamesTheKeysThatThereAre) {
  const auto file = open(zip_bytes({{"a\x1b.npy", npy_bytes(x_)}, {"b.npy", npy_bytes(x_)}}));
  EXPECT_THAT(error_of([&] { file->read("x"); }), HasSubstr("has no key 'x'; it has 'a?', 'b'"));
  EXPECT_THAT(error_of([&] {
                open(zip_bytes({{"n.txt", ""}}))->read("x");
              }),
              HasSubstr("has no key 'x'; it has none"));
}

TEST_F(Npz, RefusesDuplicateKeys) {
  expect_errors(zip_bytes({{"x.npy", npy_bytes(x_)}, {"x.npy", npy_bytes(y_)}}),
                "holds the key 'x' twice");
}

TEST_F(Npz, RefusesSizesThatDisagreeWithTheHeader) {
  const Bytes whole = npy_bytes(x_);
  const auto content = static_cast<int64_t>(whole.size());
  for (const bool deflate : {false, true}) {
    expect_errors(zip_bytes({{"x.npy", whole + "more", deflate}}), "its .npy header says 24 bytes");
    expect_errors(zip_bytes({{"x.npy", whole.substr(0, whole.size() - 1), deflate}}),
                  "its .npy header says 24 bytes");
    expect_errors(zip_bytes({{"x.npy", whole.substr(0, 40), deflate}}),
                  "ends inside the .npy header");
    expect_errors(zip_bytes({{"x.npy", "short", deflate}}), "it is not a .npy array");
    expect_errors(zip_bytes({{"x.npy", "", deflate}}), "it is not a .npy array");
  }
  // The archive says less, or more, than the deflated bytes give.
  expect_errors(zip_bytes({{"x.npy", whole + "more", true, content}}), "bad_file");
  expect_errors(zip_bytes({{"x.npy", whole.substr(0, whole.size() - 4), true, content}}),
                "bad_file");
  // The archive says more than the file has.
  expect_errors(zip_bytes({{"x.npy", whole, false, 1 << 30}}), "bad_file");
}

TEST_F(Npz, RefusesBombsBeforeTakingMemory) {
  const Bytes claim =
      test::npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (500000000,)}", "");
  const int64_t claimed = static_cast<int64_t>(claim.size()) + 2000000000;
  expect_errors(zip_bytes({{"x.npy", claim, true, claimed}}),
                "compressed bytes cannot hold as many");
  const Bytes longer = test::npy_with_header(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", Bytes(1000000, '\0'));
  expect_errors(zip_bytes({{"x.npy", longer, true}}), "its .npy header says 4 bytes");
}

TEST_F(Npz, ChecksTheCrcOfWholeArrays) {
  EXPECT_THAT(error(zip_bytes({{"x.npy", npy_bytes(x_), false, -1, false, true}}), false),
              HasSubstr("it is damaged"));
  expect_errors(zip_bytes({{"x.npy", npy_bytes(x_), true, -1, false, true}}), "it is damaged");
}

TEST_F(Npz, ReadsFortranOrder) {
  const Bytes data("\x01\x02\x03\x04", 4);
  const Bytes npy =
      test::npy_with_header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2)}", data);
  const Array expected = make_array<uint8_t>({2, 2}, {1, 3, 2, 4});
  for (const bool deflate : {false, true}) {
    const auto file = open(zip_bytes({{"x.npy", npy, deflate}}));
    EXPECT_EQ(file->read("x"), expected);
    EXPECT_EQ(file->rows("x").read_all(), expected);
  }
}

TEST_F(Npz, SurvivesEveryTruncationAndEveryChangedByte) {
  const Bytes whole = zip_bytes({{"x.npy", npy_bytes(x_), true}, {"y.npy", npy_bytes(y_)}});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(error(whole.substr(0, size), true), HasSubstr("bad_file")) << size;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      Bytes changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      error(changed, true);
      error_of([&] { open(changed)->rows("y").read_all(); });
    }
  }
}

TEST_F(Npz, RefusesWhatIsNoArchive) {
  EXPECT_THAT(error("PK\x03\x04 and then nothing", true), HasSubstr("is not a whole .npz archive"));
  EXPECT_THAT(error_of([&] { NpzFile::open(dir_ / "none.npz"); }), HasSubstr("io: cannot open"));
}

}  // namespace
}  // namespace smelt
