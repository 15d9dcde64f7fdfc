#include <charconv>
#include <map>
#include <set>

#include "smelt/base/error.h"
#include "smelt/formats/keras/weights.h"

namespace smelt::keras {
namespace {

/// "conv2d_3" -> "conv2d", 3; the number is 0 where there is none.
std::pair<std::string_view, int64_t> split_number(std::string_view name) {
  const size_t underscore = name.rfind('_');
  if (underscore == std::string_view::npos || underscore + 1 == name.size()) return {name, 0};
  int64_t number = 0;
  const auto [end, error] =
      std::from_chars(name.data() + underscore + 1, name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return {name, 0};
  return {name.substr(0, underscore), number};
}

/// Layers are filed under their class and a number ("dense", "dense_1", ...) or, by some versions,
/// under their names; then numbers may be missing.
bool numbered_by_class(const std::vector<std::string>& children) {
  const std::set<std::string_view> all(children.begin(), children.end());
  return std::all_of(children.begin(), children.end(), [&](const std::string& child) {
    const auto [base, number] = split_number(child);
    if (number == 0) return true;
    return all.count(number == 1 ? std::string(base) : fmt::format("{}_{}", base, number - 1)) > 0;
  });
}

class ObjectWeights : public WeightSource {
 public:
  explicit ObjectWeights(std::vector<hdf5::Group> roots) : roots_(std::move(roots)) {}

  std::optional<StoredWeight> find(const LayerPath& path, const WeightQuery& query) override {
    for (const hdf5::Group& root : roots_) {
      if (auto found = find_below(root, path, query)) return found;
    }
    return std::nullopt;
  }

 private:
  std::optional<StoredWeight> find_below(hdf5::Group group, const LayerPath& path,
                                         const WeightQuery& query) {
    hdf5::Group around = group;
    std::string place;
    for (const PathStep& step : path) {
      const auto next = enter(group, place, step);
      if (!next) return std::nullopt;
      place += "/" + *next;
      around = group;
      group = group.group(*next);
    }
    const auto found = variable(group, place, query.position);
    const bool as_asked = query.shape.empty() || (found && found->shape == query.shape);
    if (as_asked || path.size() < 2 || path.back().key != "layer") return found;
    // Wrappers that replace a weight of their layer take it over: the others move up.
    if (const auto moved = of_shape(group, place, query.shape)) return moved;
    const std::string wrapper = place.substr(0, place.rfind('/'));
    if (const auto taken = of_shape(around, wrapper, query.shape)) return taken;
    return found;
  }

  static std::optional<StoredWeight> variable(const hdf5::Group& group, const std::string& place,
                                              size_t position) {
    if (!group.contains("vars")) return std::nullopt;
    const hdf5::Group variables = group.group("vars");
    const std::string number = std::to_string(position);
    if (!variables.is_dataset(number)) return std::nullopt;
    const hdf5::Dataset dataset = variables.dataset(number);
    return StoredWeight{place.substr(1) + "/vars/" + number, dataset.shape(),
                        [dataset] { return dataset.floats(); }};
  }

  /// The first variable of that shape.
  static std::optional<StoredWeight> of_shape(const hdf5::Group& group, const std::string& place,
                                              const std::vector<int64_t>& shape) {
    constexpr size_t kMaxVariables = 64;
    for (size_t i = 0; i < kMaxVariables; ++i) {
      auto found = variable(group, place, i);
      if (!found || found->shape == shape) return found;
    }
    return std::nullopt;
  }

  /// The path from `group` to where the step's object lies.
  std::optional<std::string> enter(const hdf5::Group& group, const std::string& place,
                                   const PathStep& step) {
    constexpr std::string_view kLayers = "layers/";
    if (!step.key.starts_with(kLayers)) return enter_part(group, step.key);
    for (const std::string container : {"layers", "_layer_checkpoint_dependencies"}) {
      if (!group.contains(container)) continue;
      const hdf5::Group children = group.group(container);
      const std::string key = step.key.substr(kLayers.size());
      const bool by_class = by_class_number(children, place + "/" + container);
      for (const std::string& name : {by_class ? key : step.name, by_class ? step.name : key}) {
        if (!name.empty() && children.contains(name)) return container + "/" + name;
      }
    }
    return std::nullopt;
  }

  /// A part of a layer; tf.keras keeps some in private attributes, with '_' in front.
  static std::optional<std::string> enter_part(const hdf5::Group& group, const std::string& key) {
    if (group.contains(key)) return key;
    if (group.contains("_" + key)) return "_" + key;
    return std::nullopt;
  }

  bool by_class_number(const hdf5::Group& children, const std::string& place) {
    if (roots_.size() > 1) return true;  // Versions that cut files number by class.
    const auto [entry, added] = by_class_.emplace(place, false);
    if (added) entry->second = numbered_by_class(children.children());
    return entry->second;
  }

  std::vector<hdf5::Group> roots_;
  std::map<std::string, bool> by_class_;
};

}  // namespace

std::unique_ptr<WeightSource> object_weights(std::vector<hdf5::Group> roots) {
  return std::make_unique<ObjectWeights>(std::move(roots));
}

}  // namespace smelt::keras
