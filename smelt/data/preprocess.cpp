#include "smelt/data/preprocess.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/data/image_ops.h"

namespace smelt {
namespace {

constexpr int kMaxSide = 1 << 14;

/// An image's shape with the channel axis that gray images may leave out.
Shape image_shape(const Shape& shape) {
  if (shape.rank() == 2) return {shape[0], shape[1], 1};
  if (shape.rank() != 3) {
    fail(ErrorKind::bad_argument,
         "samples of shape {} are not images [height, width, channels]; leave resize and channels "
         "away",
         to_string(shape));
  }
  return shape;
}

class PreprocessedDataset : public DatasetWrapper {
 public:
  PreprocessedDataset(DatasetPtr inner_dataset, Preprocessing preprocessing)
      : DatasetWrapper(std::move(inner_dataset)), asked_(std::move(preprocessing)) {
    for (int i = 0; i < inputs(); ++i) {
      shapes_.push_back(output_shape(inner().input_shape(i)));
      check_per_channel("mean", asked_.mean.size(), shapes_.back());
      check_per_channel("std", asked_.std.size(), shapes_.back());
      if (asked_.range && !inner().holds_pixels(i)) check_not_scaled(i);
    }
  }

  Shape input_shape(int input) const override { return shapes_[static_cast<size_t>(input)]; }

  bool holds_pixels(int input) const override {
    return inner().holds_pixels(input) && !asked_.resize && asked_.channels != 1 &&
           asked_.range.value_or(ValueRange::zero_to_255) == ValueRange::zero_to_255 &&
           asked_.mean.empty() && asked_.std.empty();
  }

  void read(int64_t sample, int input, std::span<float> into) const override {
    if (asked_.resize || asked_.channels != 0) {
      read_image(sample, input, into);
    } else {
      inner().read(sample, input, into);
    }
    apply_range(sample, input, into);
    const Shape& shape = shapes_[static_cast<size_t>(input)];
    const auto channels = static_cast<size_t>(shape.rank() == 0 ? 1 : shape.back());
    per_channel(into, channels, asked_.mean, [](float v, float mean) { return v - mean; });
    per_channel(into, channels, asked_.std, [](float v, float std) { return v / std; });
  }

  Shape load(int64_t sample, int input, std::vector<float>& values) const override {
    return Dataset::load(sample, input, values);
  }

 private:
  Shape output_shape(const Shape& from) const {
    if (!asked_.resize && asked_.channels == 0) return from;
    Shape shape = image_shape(from);
    if (asked_.resize) {
      shape[0] = asked_.resize->height;
      shape[1] = asked_.resize->width;
    }
    if (asked_.channels != 0) {
      check_convertible(shape[2], asked_.channels);
      shape[2] = asked_.channels;
    }
    return shape;
  }

  static void check_convertible(int from, int to) {
    if (from != to && !((from == 1 && to == 3) || (from == 3 && to == 1))) {
      fail(ErrorKind::bad_argument, "images of {} channels cannot become images of {}", from, to);
    }
  }

  static void check_per_channel(std::string_view what, size_t count, const Shape& shape) {
    const size_t channels = shape.rank() == 0 ? 1 : static_cast<size_t>(shape.back());
    if (count > 1 && count != channels) {
      fail(ErrorKind::bad_argument, "{} values of {} for samples of shape {}; give 1 or {}", count,
           what, to_string(shape), channels);
    }
  }

  /// Looks at a few samples: values that are 0..1 already would become nearly 0 without a word.
  void check_not_scaled(int input) const {
    constexpr int64_t kProbes = 16;
    const int64_t step = std::max<int64_t>(1, size() / kProbes);
    std::vector<float> values;
    float largest = 0;
    for (int64_t sample = 0; sample < size(); sample += step) {
      inner().load(sample, input, values);
      check_within_pixels(sample, values);
      if (!values.empty()) {
        largest = std::max(largest, *std::max_element(values.begin(), values.end()));
      }
    }
    if (largest <= 1.0f) {
      fail(
          ErrorKind::bad_argument,
          "a range maps pixels 0..255, but the values of the data lie within 0..1 already (largest "
          "{}); leave the range away",
          largest);
    }
  }

  static void check_within_pixels(int64_t sample, std::span<const float> values) {
    for (const float value : values) {
      if (!(value >= 0.0f && value <= 255.0f)) {
        fail(
            ErrorKind::bad_argument,
            "a range maps pixels 0..255, but sample {} holds {}; leave the range away, or use mean "
            "and std",
            sample, value);
      }
    }
  }

  void read_image(int64_t sample, int input, std::span<float> into) const {
    std::vector<float> values, converted;
    Shape shape = image_shape(inner().load(sample, input, values));
    const Shape& wanted = shapes_[static_cast<size_t>(input)];
    if (shape[2] != wanted[2]) {
      if (asked_.channels == 0) {
        fail(ErrorKind::bad_argument,
             "image {} has {} channels, the first one {}; ask for one number (--channels 1 or 3)",
             sample, shape[2], wanted[2]);
      }
      check_convertible(shape[2], wanted[2]);
      converted.resize(static_cast<size_t>(shape.elements(0, 2) * wanted[2]));
      convert_channels(values, shape[2], converted, wanted[2]);
      values.swap(converted);
      shape[2] = wanted[2];
    }
    if (shape == wanted) {
      std::copy(values.begin(), values.end(), into.begin());
    } else if (asked_.resize) {
      resize_bilinear(values, shape, into, wanted);
    } else {
      fail(ErrorKind::bad_argument, "image {} is {}, the first one {}; ask for one size (--resize)",
           sample, to_string(shape), to_string(wanted));
    }
  }

  void apply_range(int64_t sample, int input, std::span<float> values) const {
    if (!asked_.range) return;
    if (!inner().holds_pixels(input)) check_within_pixels(sample, values);
    // Divisions, not products with a reciprocal: the same floats as NumPy's x / 255.
    if (*asked_.range == ValueRange::zero_to_1) {
      for (float& value : values) value = value / 255.0f;
    } else if (*asked_.range == ValueRange::minus_1_to_1) {
      for (float& value : values) value = value / 127.5f - 1.0f;
    }
  }

  template <class Apply>
  static void per_channel(std::span<float> values, size_t channels,
                          const std::vector<float>& parameters, Apply apply) {
    if (parameters.size() == 1) {
      const float parameter = parameters[0];
      for (float& value : values) value = apply(value, parameter);
    } else if (!parameters.empty()) {
      for (size_t i = 0; i < values.size(); i += channels) {
        for (size_t c = 0; c < channels; ++c) values[i + c] = apply(values[i + c], parameters[c]);
      }
    }
  }

  Preprocessing asked_;
  std::vector<Shape> shapes_;
};

void check(const Preprocessing& asked) {
  if (asked.channels != 0 && asked.channels != 1 && asked.channels != 3) {
    fail(ErrorKind::bad_argument, "{} channels; 1 (gray) or 3 (color) can be asked for",
         asked.channels);
  }
  if (asked.resize && (asked.resize->height < 1 || asked.resize->height > kMaxSide ||
                       asked.resize->width < 1 || asked.resize->width > kMaxSide)) {
    fail(ErrorKind::bad_argument, "a size of {}x{}; sides from 1 to {} can be asked for",
         asked.resize->height, asked.resize->width, kMaxSide);
  }
  for (const float value : asked.mean) {
    if (!std::isfinite(value)) fail(ErrorKind::bad_argument, "a mean of {}", value);
  }
  for (const float value : asked.std) {
    if (!(value > 0) || !std::isfinite(value)) {
      fail(ErrorKind::bad_argument, "a std of {}; it must be greater than 0", value);
    }
  }
}

}  // namespace

DatasetPtr preprocess(DatasetPtr dataset, const Preprocessing& preprocessing) {
  if (preprocessing.empty()) return dataset;
  check(preprocessing);
  const std::string name = dataset->description();
  return with_context([&] { return fmt::format("while preparing {}", name); },
                      [&]() -> DatasetPtr {
                        return std::make_shared<PreprocessedDataset>(std::move(dataset),
                                                                     preprocessing);
                      });
}

ValueRange parse_value_range(std::string_view text) {
  if (text == "0..255") return ValueRange::zero_to_255;
  if (text == "0..1") return ValueRange::zero_to_1;
  if (text == "-1..1") return ValueRange::minus_1_to_1;
  fail(ErrorKind::bad_argument, "the range '{}' is not one of 0..255, 0..1, -1..1", text);
}

ImageSize parse_image_size(std::string_view text) {
  const auto number = [&](std::string_view part) {
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < 1 || value > kMaxSide) {
      fail(ErrorKind::bad_argument, "the size '{}' is not like 96x128 (height x width) or 96",
           text);
    }
    return value;
  };
  const size_t cross = text.find('x');
  if (cross == std::string_view::npos) return {number(text), number(text)};
  return {number(text.substr(0, cross)), number(text.substr(cross + 1))};
}

Shape parse_sample_shape(std::string_view text) {
  std::vector<int32_t> dims;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    int32_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size <= 0 || (next < end && (*next != 'x' || next + 1 == end))) {
      fail(ErrorKind::bad_argument, "{}: expected sizes such as 32x32x3", text);
    }
    dims.push_back(size);
    at = next + (next < end ? 1 : 0);
  }
  return Shape(std::move(dims));
}

std::vector<float> parse_float_list(std::string_view text) {
  std::vector<float> values;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    float value = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    if (error != std::errc() || stop != text.data() + end || !std::isfinite(value)) {
      fail(ErrorKind::bad_argument, "'{}' is not a list of numbers like 0.485,0.456,0.406", text);
    }
    values.push_back(value);
    begin = end + 1;
  }
  return values;
}

}  // namespace smelt
