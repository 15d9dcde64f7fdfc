#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdio>

#include "smelt/data/convert.h"
#include "smelt/data/image.h"

namespace smelt {
namespace {

/// What libpng's callbacks see. Trivial on purpose: longjmp passes over it.
struct PngInput {
  const uint8_t* next;
  size_t left;
  std::array<char, 160> error;
};

void read_bytes(png_structp png, png_bytep into, size_t count) {
  auto* input = static_cast<PngInput*>(png_get_io_ptr(png));
  if (count > input->left) png_error(png, "the file is cut");
  std::memcpy(into, input->next, count);
  input->next += count;
  input->left -= count;
}

void keep_error(png_structp png, png_const_charp text) {
  auto* input = static_cast<PngInput*>(png_get_error_ptr(png));
  std::snprintf(input->error.data(), input->error.size(), "%s", text);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

class PngDecoder {
 public:
  explicit PngDecoder(ByteView bytes) : input_{bytes.data(), bytes.size(), {}} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input_, keep_error, ignore_warning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      fail(ErrorKind::io, "there is not enough memory for a PNG reader");
    }
    png_set_read_fn(png_, &input_, read_bytes);
    png_set_user_limits(png_, kMaxSide, kMaxSide);
  }
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  Image decode(size_t file_bytes) {
    guarded([this] { png_read_info(png_, info_); });
    Image image;
    image.height = static_cast<int>(png_get_image_height(png_, info_));
    image.width = static_cast<int>(png_get_image_width(png_, info_));
    if (int64_t{image.height} * image.width > kMaxPixels) {
      fail(ErrorKind::unsupported, "an image of {}x{} pixels is too large", image.height,
           image.width);
    }
    check_deflate_size(uint64_t{png_get_rowbytes(png_, info_)} * png_get_image_height(png_, info_),
                       file_bytes, "the image");
    guarded([this] { ask_for_8_bits(); });
    image.channels = png_get_channels(png_, info_);
    const size_t stride = png_get_rowbytes(png_, info_);
    SMELT_CHECK(stride == static_cast<size_t>(image.width) * static_cast<size_t>(image.channels));
    image.pixels.resize(stride * static_cast<size_t>(image.height));
    std::vector<png_bytep> rows(static_cast<size_t>(image.height));
    for (size_t y = 0; y < rows.size(); ++y) rows[y] = image.pixels.data() + y * stride;
    guarded([this, first = rows.data()] {
      png_read_image(png_, first);
      png_read_end(png_, nullptr);
    });
    return image;
  }

 private:
  static constexpr png_uint_32 kMaxSide = 1u << 20;

  void ask_for_8_bits() {
    const int color = png_get_color_type(png_, info_);
    png_set_scale_16(png_);
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (color == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
    // A tRNS chunk makes png_set_palette_to_rgb add alpha as well.
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  /// Runs calls to libpng, whose errors jump back here. `body` and what it calls must hold nothing
  /// that has a destructor.
  template <class Body>
  void guarded(Body body) {
    if (setjmp(png_jmpbuf(png_)) == 0) {
      body();
      return;
    }
    fail(ErrorKind::bad_file, "the PNG is damaged: {}", input_.error.data());
  }

  PngInput input_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

Image decode_png(ByteView bytes) { return PngDecoder(bytes).decode(bytes.size()); }

void read_png_size(ByteView bytes, int& height, int& width) {
  // Signature of 8 bytes, then the chunk IHDR: length, name, width, height (PNG 1.2, 11.2.2).
  ByteReader reader(bytes);
  const ByteView start = reader.take(16, "the PNG header");
  if (png_sig_cmp(start.data(), 0, 8) != 0 || std::memcmp(start.data() + 12, "IHDR", 4) != 0) {
    fail(ErrorKind::bad_file, "it is not a PNG image");
  }
  const uint32_t w = reader.read_u32_be("the PNG header");
  const uint32_t h = reader.read_u32_be("the PNG header");
  if (w == 0 || h == 0 || w > kMaxPixels || h > kMaxPixels / w) {
    fail(ErrorKind::bad_file, "a PNG of {}x{} pixels", h, w);
  }
  height = static_cast<int>(h);
  width = static_cast<int>(w);
}

}  // namespace smelt
