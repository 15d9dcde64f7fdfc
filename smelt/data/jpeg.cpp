#include <array>
#include <csetjmp>
// jpeglib.h needs these two before it, and jerror.h needs jpeglib.h.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "smelt/base/file.h"
#include "smelt/data/image.h"

namespace smelt {
namespace {

/// libjpeg's error manager with a place to jump to. Trivial on purpose: longjmp passes over it.
struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg hands out a pointer to it
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> text;
};

[[noreturn]] void jump_out(j_common_ptr state) {
  auto* errors = reinterpret_cast<JpegErrors*>(state->err);
  state->err->format_message(state, errors->text.data());
  std::longjmp(errors->jump, 1);
}

/// libjpeg only warns where data is missing or damaged, and paints the rest gray; a data set must
/// not. Warnings about bytes that are in excess do no harm.
void fail_on_damage(j_common_ptr state, int level) {
  if (level >= 0) return;
  switch (state->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA:
      return;
    default:
      jump_out(state);
  }
}

class JpegDecoder {
 public:
  JpegDecoder() {
    state_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = jump_out;
    errors_.manager.emit_message = fail_on_damage;
    errors_.text[0] = '\0';
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&state_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  Image decode(ByteView bytes) {
    guarded([&] {
      jpeg_create_decompress(&state_);
      jpeg_mem_src(&state_, bytes.data(), bytes.size());
      jpeg_read_header(&state_, TRUE);
    });
    Image image;
    image.height = static_cast<int>(state_.image_height);
    image.width = static_cast<int>(state_.image_width);
    if (int64_t{image.height} * image.width > kMaxPixels) {
      fail(ErrorKind::unsupported, "an image of {}x{} pixels is too large", image.height,
           image.width);
    }
    if (state_.num_components != 1 && state_.num_components != 3) {
      fail(ErrorKind::unsupported, "a JPEG of {} components (CMYK) is not read; save it as RGB",
           state_.num_components);
    }
    image.channels = state_.num_components;
    const size_t stride = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
    guarded([&] {
      state_.out_color_space = state_.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
      jpeg_start_decompress(&state_);
    });
    image.pixels.resize(stride * static_cast<size_t>(image.height));
    guarded([this, stride, first = image.pixels.data()] {
      while (state_.output_scanline < state_.output_height) {
        JSAMPROW row = first + state_.output_scanline * stride;
        jpeg_read_scanlines(&state_, &row, 1);
      }
      jpeg_finish_decompress(&state_);
    });
    return image;
  }

 private:
  /// Runs calls to libjpeg, whose errors jump back here. `body` must hold nothing that has a
  /// destructor.
  template <class Body>
  void guarded(Body body) {
    if (setjmp(errors_.jump) == 0) {
      body();
      return;
    }
    fail(ErrorKind::bad_file, "the JPEG is damaged: {}", errors_.text.data());
  }

  jpeg_decompress_struct state_{};
  JpegErrors errors_;
};

}  // namespace

Image decode_jpeg(ByteView bytes) { return JpegDecoder().decode(bytes); }

Image read_image(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return with_context([&] { return fmt::format("while reading {}", path.string()); },
                      [&] {
                        const ByteView bytes = file->bytes();
                        if (bytes.size() >= 4 && bytes[0] == 0x89 && bytes[1] == 'P')
                          return decode_png(bytes);
                        if (bytes.size() >= 4 && bytes[0] == 0xff && bytes[1] == 0xd8)
                          return decode_jpeg(bytes);
                        fail(ErrorKind::bad_file, "it is neither a PNG nor a JPEG image");
                      });
}

}  // namespace smelt
