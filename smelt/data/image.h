#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "smelt/base/bytes.h"

namespace smelt {

/// Pixels [height, width, channels] of 8 bits; channels is 1 (gray) or 3 (red, green, blue).
struct Image {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<uint8_t> pixels;
};

/// Images of more pixels than this are refused before memory is taken.
inline constexpr int64_t kMaxPixels = int64_t{1} << 26;

/// Any PNG: palettes are looked up, 16 bits scaled to 8, alpha dropped, gamma left alone. bad_file
/// where it is malformed.
Image decode_png(ByteView bytes);

/// Height and width from a PNG's first chunk, nothing decoded.
void read_png_size(ByteView bytes, int& height, int& width);

/// JPEG of one or three components, decoded with libjpeg's defaults (accurate integer transform,
/// smooth upsampling). bad_file where it is malformed or cut; unsupported for CMYK.
Image decode_jpeg(ByteView bytes);

/// PNG or JPEG by content. Errors name the file.
Image read_image(const std::filesystem::path& path);

}  // namespace smelt
