#include "smelt/train/architectures/architecture.h"

#include <algorithm>

#include "smelt/train/architectures/families.h"

namespace smelt::train {
namespace {

struct Family {
  std::string_view name;
  Graph (*write)(const ArchitectureOptions&);
};
constexpr Family kFamilies[] = {
    {"mobilenet_v1", mobilenet_v1},
    {"mobilenet_v2", mobilenet_v2},
    {"resnet8", resnet8},
    {"ds_cnn", ds_cnn},
    {"mlp", mlp},
    {"lstm", lstm},
};

constexpr int32_t kMaxSize = 1 << 16;

void check(const ArchitectureOptions& options) {
  if (options.input.rank() < 1 || options.input.rank() > 3) {
    fail(ErrorKind::bad_argument, "--input: give the shape of a sample, such as 32x32x3");
  }
  for (const int32_t size : options.input.dims()) {
    if (size < 1 || size > kMaxSize) {
      fail(ErrorKind::bad_argument, "--input {}: sizes are 1 to {}", to_string(options.input),
           kMaxSize);
    }
  }
  if (options.classes < 1 || options.classes > kMaxSize) {
    fail(ErrorKind::bad_argument, "--classes is {}; it is 1 to {}", options.classes, kMaxSize);
  }
  if (!(options.width > 0 && options.width <= 4)) {
    fail(ErrorKind::bad_argument, "--width is {}; it lies in (0, 4]", options.width);
  }
  if (options.dropout && !(*options.dropout >= 0 && *options.dropout < 1)) {
    fail(ErrorKind::bad_argument, "--dropout is {}; it lies in [0, 1)", *options.dropout);
  }
  for (const int32_t units : options.units) {
    if (units < 1 || units > kMaxSize) {
      fail(ErrorKind::bad_argument, "--units: {} is not 1 to {}", units, kMaxSize);
    }
  }
}

}  // namespace

std::vector<int32_t> strides_or(const ArchitectureOptions& options,
                                const std::vector<int32_t>& usual) {
  if (options.strides.empty()) return usual;
  const bool fits = options.strides.size() == usual.size() &&
                    std::all_of(options.strides.begin(), options.strides.end(),
                                [](int32_t stride) { return stride >= 1 && stride <= 4; });
  if (!fits) {
    fail(ErrorKind::bad_argument, "--strides: the network has {} strides, each 1 to 4; usual: {}",
         usual.size(), fmt::join(usual, ","));
  }
  return options.strides;
}

void require_image(const ArchitectureOptions& options, std::string_view name) {
  if (options.input.rank() == 3) return;
  fail(ErrorKind::bad_argument, "{} takes images; give --input HEIGHTxWIDTHxCHANNELS, not {}", name,
       to_string(options.input));
}

const std::vector<std::string>& architecture_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Family& family : kFamilies) all.emplace_back(family.name);
    return all;
  }();
  return names;
}

bool is_architecture(std::string_view name) {
  const auto& names = architecture_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

Model make_architecture(std::string_view name, const ArchitectureOptions& options) {
  check(options);
  const auto* family = std::ranges::find(kFamilies, name, &Family::name);
  if (family == std::end(kFamilies)) {
    fail(ErrorKind::bad_argument, "there is no architecture {}; there are {}", name,
         fmt::join(architecture_names(), ", "));
  }
  Model model;
  model.graphs.push_back(family->write(options));
  model.source.path = name;
  model.source.format = "architecture";
  return model;
}

}  // namespace smelt::train
