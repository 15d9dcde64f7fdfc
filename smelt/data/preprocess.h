#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "smelt/data/dataset.h"

namespace smelt {

/// What pixels from 0 to 255 are mapped to.
enum class ValueRange {
  zero_to_255,   ///< v
  zero_to_1,     ///< v / 255
  minus_1_to_1,  ///< v / 127.5 - 1
};

struct ImageSize {
  int height = 0;
  int width = 0;

  bool operator==(const ImageSize&) const = default;
};

/// How samples become what the model was trained on. Nothing is done that is not asked for: pixels
/// stay 0 to 255, and float files are taken as they are. Applied to every input in this order:
/// channels, resize, range, (v - mean) / std.
struct Preprocessing {
  int channels = 0;  ///< 1 or 3; 0 leaves them (image_ops.h says how gray and color convert)
  std::optional<ImageSize> resize;  ///< bilinear (image_ops.h)
  std::optional<ValueRange> range;
  std::vector<float> mean;  ///< per channel (last axis) or one for all, in units of the range
  std::vector<float> std;   ///< the same

  bool empty() const { return channels == 0 && !resize && !range && mean.empty() && std.empty(); }
};

/// The data set with its inputs preprocessed; the same one where nothing is asked for.
/// bad_argument, with the cure, where a request makes no sense: images wanted of what has no height
/// and width, a range for values that are outside of 0..255 or already scaled, a mean per channel
/// of another number of channels, a std that is not positive.
DatasetPtr preprocess(DatasetPtr dataset, const Preprocessing& preprocessing);

/// "0..255", "0..1" or "-1..1"; bad_argument otherwise.
ValueRange parse_value_range(std::string_view text);

/// "96x128" (height x width) or "96"; bad_argument otherwise.
ImageSize parse_image_size(std::string_view text);

/// "32x32x3", sizes of any number of axes; bad_argument otherwise.
Shape parse_sample_shape(std::string_view text);

/// "0.5" or "0.485,0.456,0.406"; bad_argument otherwise.
std::vector<float> parse_float_list(std::string_view text);

}  // namespace smelt
