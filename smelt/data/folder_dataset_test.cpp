#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "smelt/base/parallel.h"
#include "smelt/data/preprocess.h"
#include "smelt/data/sources.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::Bytes;
using test::error_of;
using test::jpeg_bytes;
using test::make_image;
using test::png_bytes;
using testing::ElementsAre;
using testing::HasSubstr;

ByteView view(const Bytes& bytes) { return as_bytes(std::string_view(bytes)); }

TEST(Png, DecodesGrayAndColor) {
  for (const int channels : {1, 3}) {
    for (const bool alpha : {false, true}) {
      for (const bool interlace : {false, true}) {
        const Image image = make_image(5, 9, channels);
        const Image read =
            decode_png(view(png_bytes(image, {.alpha = alpha, .interlace = interlace})));
        EXPECT_EQ(read.height, 5);
        EXPECT_EQ(read.width, 9);
        EXPECT_EQ(read.channels, channels);
        EXPECT_EQ(read.pixels, image.pixels);
      }
    }
  }
}

TEST(Png, LooksUpPalettesAndScales16Bits) {
  const Image indices{1, 3, 1, {1, 0, 100}};
  const Image colors = decode_png(view(png_bytes(indices, {.palette = true})));
  EXPECT_EQ(colors.channels, 3);
  EXPECT_THAT(colors.pixels, ElementsAre(1, 254, 2, 0, 255, 0, 100, 155, 200));
  const Image wide{1, 2, 1, {0xff, 0xff, 0x80, 0x80}};
  EXPECT_THAT(decode_png(view(png_bytes(wide, {.bits = 16}))).pixels, ElementsAre(255, 128));
}

TEST(Png, RefusesEveryTruncationAndDamage) {
  const Bytes whole = png_bytes(make_image(20, 20, 3));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(error_of([&] { decode_png(view(whole.substr(0, size))); }), HasSubstr("bad_file"))
        << size;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    Bytes changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    error_of([&] { decode_png(view(changed)); });
  }
}

/// The PNG with another size in its header, and the checksum that goes with it.
Bytes claim_size(Bytes png, uint32_t width, uint32_t height) {
  const auto put = [&](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) png[at + i] = static_cast<char>(value >> (24 - 8 * i) & 0xff);
  };
  put(16, width);
  put(20, height);
  const uLong crc = ::crc32(0, reinterpret_cast<const Bytef*>(png.data()) + 12, 17);
  put(29, static_cast<uint32_t>(crc));
  return png;
}

TEST(Png, RefusesSizesThatTheFileCannotHold) {
  const Bytes png = png_bytes(make_image(4, 4, 1));
  EXPECT_THAT(error_of([&] { decode_png(view(claim_size(png, 8000, 8000))); }),
              HasSubstr("compressed bytes cannot hold as many"));
  EXPECT_THAT(error_of([&] { decode_png(view(claim_size(png, 100000, 100000))); }),
              HasSubstr("is too large"));
  EXPECT_THAT(error_of([&] { decode_png(view(claim_size(png, 4, 5))); }), HasSubstr("bad_file"));
  int height = 0, width = 0;
  read_png_size(view(claim_size(png, 7, 5)), height, width);
  EXPECT_EQ(height, 5);
  EXPECT_EQ(width, 7);
  EXPECT_THAT(error_of([&] {
                read_png_size(view(claim_size(png, 0x7fffffff, 0x7fffffff)), height, width);
              }),
              HasSubstr("a PNG of"));
}

TEST(Jpeg, DecodesGrayAndColorClosely) {
  for (const int channels : {1, 3}) {
    Image image{24, 16, channels, {}};
    for (int i = 0; i < 24 * 16; ++i) {
      for (int c = 0; c < channels; ++c)
        image.pixels.push_back(static_cast<uint8_t>(i / 16 * 8 + c));
    }
    const Image read = decode_jpeg(view(jpeg_bytes(image)));
    ASSERT_EQ(read.pixels.size(), image.pixels.size());
    EXPECT_EQ(read.channels, channels);
    for (size_t i = 0; i < read.pixels.size(); ++i) {
      EXPECT_NEAR(read.pixels[i], image.pixels[i], 8) << i;
    }
  }
}

TEST(Jpeg, RefusesCutAndDamagedFilesAndCmyk) {
  const Bytes whole = jpeg_bytes(make_image(40, 40, 3));
  for (size_t size = 2; size < whole.size() - 2; size += 7) {
    EXPECT_THAT(error_of([&] { decode_jpeg(view(whole.substr(0, size))); }), HasSubstr("bad_file"))
        << size;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    Bytes changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    error_of([&] { decode_jpeg(view(changed)); });
  }
  EXPECT_THAT(error_of([&] { decode_jpeg(view(jpeg_bytes(make_image(8, 8, 4)))); }),
              HasSubstr("unsupported: a JPEG of 4 components"));
}

class ImageFolder : public testing::Test {
 protected:
  void add(std::string_view name, const Bytes& bytes) { test::write_bytes(dir_ / name, bytes); }
  test::TempDir dir_;
};

TEST_F(ImageFolder, SortsClassesAndFiles) {
  add("dog/b.png", png_bytes(make_image(2, 2, 3, 1)));
  add("dog/a.PNG", png_bytes(make_image(2, 2, 3, 2)));
  add("cat/z.jpg", jpeg_bytes(make_image(2, 2, 3, 3)));
  add("cat/notes.txt", "not an image");
  add("cat/.hidden.png", "not an image");
  add("readme.txt", "not a class");
  std::filesystem::create_directories(dir_ / "ant");
  const DatasetPtr dataset = open_image_folder(dir_.path());
  EXPECT_EQ(dataset->size(), 3);
  EXPECT_THAT(dataset->class_names(), ElementsAre("ant", "cat", "dog"));
  EXPECT_EQ(dataset->class_count(), 3);
  EXPECT_EQ(dataset->label(0), 1);
  EXPECT_EQ(dataset->label(2), 2);
  EXPECT_EQ(dataset->input_shape(0), (Shape{2, 2, 3}));
  std::vector<float> values(12);
  dataset->read(1, 0, values);
  const Image a = make_image(2, 2, 3, 2);
  EXPECT_TRUE(std::equal(values.begin(), values.end(), a.pixels.begin()));
  parallel_for(50, 4, [&](int, int64_t i) {
    std::vector<float> mine(12);
    dataset->read(i % 3, 0, mine);
  });
}

TEST_F(ImageFolder, NamesTheDamagedImage) {
  const Bytes good = png_bytes(make_image(2, 2, 3));
  add("a/1.png", good);
  add("a/2.png", good.substr(0, good.size() - 20));
  add("a/3.png", "text");
  const DatasetPtr dataset = open_image_folder(dir_.path());
  std::vector<float> values(12);
  EXPECT_THAT(error_of([&] { dataset->read(1, 0, values); }),
              HasSubstr("a/2.png: the PNG is damaged"));
  EXPECT_THAT(error_of([&] { dataset->read(2, 0, values); }),
              HasSubstr("a/3.png: it is neither a PNG nor a JPEG"));
}

TEST_F(ImageFolder, WantsAResizeWhereSizesDiffer) {
  add("a/1.png", png_bytes(make_image(2, 2, 3)));
  add("a/2.png", png_bytes(make_image(4, 6, 1)));
  const DatasetPtr dataset = open_image_folder(dir_.path());
  std::vector<float> values(12);
  EXPECT_THAT(
      error_of([&] { dataset->read(1, 0, values); }),
      HasSubstr("is [4, 6, 1], but the first image is [2, 2, 3]; ask for one size (--resize "
                "HxW) and number of channels"));
  Preprocessing asked;
  asked.resize = ImageSize{2, 2};
  const DatasetPtr resized = preprocess(dataset, asked);
  EXPECT_THAT(error_of([&] { resized->read(1, 0, values); }), HasSubstr("has 1 channels"));
  asked.channels = 3;
  const DatasetPtr both = preprocess(dataset, asked);
  both->read(1, 0, values);
  EXPECT_EQ(values[0], values[1]);
  asked.resize.reset();
  EXPECT_THAT(error_of([&] { preprocess(dataset, asked)->read(1, 0, values); }),
              HasSubstr("ask for one size"));
}

TEST_F(ImageFolder, IsNotAFolderWithoutImages) {
  EXPECT_EQ(open_image_folder(dir_.path()), nullptr);
  std::filesystem::create_directories(dir_ / "a");
  EXPECT_EQ(open_image_folder(dir_.path()), nullptr);
  EXPECT_THAT(error_of([&] { open_image_folder(dir_ / "none"); }), HasSubstr("io: cannot list"));
}

}  // namespace
}  // namespace smelt
