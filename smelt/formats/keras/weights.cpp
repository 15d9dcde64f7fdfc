#include "smelt/formats/keras/weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "smelt/base/error.h"

namespace smelt::keras {
namespace {

bool has_role(const NamedWeight& weight, const Roles& roles) {
  return std::any_of(roles.begin(), roles.end(),
                     [&](std::string_view role) { return weight.role == role; });
}

/// "encoder/conv1" belongs to "conv1" inside of "encoder"; names may hold '/' themselves.
bool belongs_to(std::string_view owner, std::string_view layer) {
  return owner == layer || (owner.size() > layer.size() && owner.ends_with(layer) &&
                            owner[owner.size() - layer.size() - 1] == '/');
}

/// True where the names between the '/' of `owner` include `layer`.
bool lies_in(std::string_view owner, std::string_view layer) {
  for (size_t at = owner.find(layer); at != std::string_view::npos;
       at = owner.find(layer, at + 1)) {
    const size_t end = at + layer.size();
    if (!layer.empty() && (at == 0 || owner[at - 1] == '/') &&
        (end == owner.size() || owner[end] == '/')) {
      return true;
    }
  }
  return false;
}

using Candidates = std::vector<const NamedWeight*>;

template <class Matches>
Candidates filter(const Candidates& candidates, Matches&& matches) {
  Candidates found;
  for (const NamedWeight* weight : candidates) {
    if (matches(weight->owner)) found.push_back(weight);
  }
  return found;
}

/// Those of the layer itself where names say so, else those of layers inside of it too.
Candidates inside_of(const Candidates& candidates, const PathStep& step, bool last) {
  Candidates found;
  if (step.name.empty()) return found;
  if (last) {
    found = filter(candidates, [&](const auto& owner) { return belongs_to(owner, step.name); });
  }
  if (!found.empty()) return found;
  return filter(candidates, [&](const auto& owner) { return lies_in(owner, step.name); });
}

/// Long lists are cut into "weight_names0", "weight_names1", ...
std::vector<std::string> read_names(const hdf5::Object& object, const std::string& attribute) {
  if (object.has_attribute(attribute)) return object.attribute_strings(attribute);
  std::vector<std::string> names;
  for (int i = 0; object.has_attribute(attribute + std::to_string(i)); ++i) {
    for (std::string& name : object.attribute_strings(attribute + std::to_string(i))) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

StoredWeight stored(const hdf5::Group& group, const std::string& name) {
  const hdf5::Dataset dataset = group.dataset(name);
  return {name, dataset.shape(), [dataset] { return dataset.floats(); }};
}

class LegacyWeights : public WeightSource {
 public:
  explicit LegacyWeights(hdf5::Group root) : root_(std::move(root)) {}

  std::optional<StoredWeight> find(const LayerPath& path, const WeightQuery& query) override {
    open(path.front().name);
    const NamedWeight* weight = find_named(weights_, path, query);
    if (weight == nullptr) return std::nullopt;
    return stored(*layer_, weight->name);
  }

 private:
  /// Kept between calls for the same layer.
  void open(const std::string& layer) {
    if (layer_ && name_ == layer) return;
    weights_.clear();
    layer_ = root_.group(group_of(layer));
    name_ = layer;
    for (std::string& weight : read_names(*layer_, "weight_names")) {
      weights_.emplace_back(std::move(weight));
    }
  }

  std::string group_of(const std::string& layer) {
    if (root_.contains(layer)) {
      taken_.insert(layer);
      return layer;
    }
    if (const auto found = renamed_.find(layer); found != renamed_.end()) return found->second;
    for (const std::string& name : read_names(root_, "layer_names")) {
      if (taken_.contains(name) || read_names(root_.group(name), "weight_names").empty()) continue;
      taken_.insert(name);
      return renamed_[layer] = name;
    }
    fail(ErrorKind::bad_file, "the file holds no weights for it");
  }

  hdf5::Group root_;
  std::string name_;
  std::optional<hdf5::Group> layer_;
  std::vector<NamedWeight> weights_;
  std::set<std::string> taken_;
  std::map<std::string, std::string> renamed_;
};

}  // namespace

NamedWeight::NamedWeight(std::string full_name) : name(std::move(full_name)) {
  std::string_view full = name;
  full = full.substr(0, full.rfind(':'));
  size_t end = full.rfind('/');
  size_t begin = end + 1;
  if (end == std::string_view::npos) {
    // Keras 1: "lstm_1_W_i".
    end = begin = 0;
    for (const std::string_view letter : {"_W", "_U", "_b"}) {
      if (const size_t at = full.rfind(letter);
          at != std::string_view::npos && at + 5 > full.size()) {
        end = at;
        begin = at + 1;
      }
    }
  }
  owner = full.substr(0, end);
  role = full.substr(begin);
}

const NamedWeight* find_named(const std::vector<NamedWeight>& weights, const LayerPath& path,
                              const WeightQuery& query) {
  Candidates candidates;
  for (const NamedWeight& weight : weights) candidates.push_back(&weight);
  size_t first = 0;
  // Layers inside of models are told apart by name alone; parts of layers also by position.
  bool placed = true;
  for (size_t i = 1; i < path.size(); ++i) {
    const PathStep& step = path[i];
    Candidates inside = inside_of(candidates, step, i + 1 == path.size());
    if (!inside.empty() && (inside.size() < candidates.size() || first == 0)) {
      candidates = std::move(inside);
      first = 0;
      placed = true;
    } else {
      first += step.first;
      placed = placed && !step.key.starts_with("layers/");
    }
  }
  const NamedWeight* found = nullptr;
  int matches = 0;
  for (const NamedWeight* weight : candidates) {
    if (!has_role(*weight, query.roles)) continue;
    found = weight;
    ++matches;
  }
  if (matches == 1 && placed) return found;
  const size_t position = first + query.position;
  return placed && position < candidates.size() ? candidates[position] : nullptr;
}

hdf5::Floats read_weight(WeightSource& source, const LayerPath& path, const WeightQuery& query) {
  const auto weight = source.find(path, query);
  if (!weight) {
    fail(ErrorKind::bad_file, "the file holds no weight \"{}\" for it", query.roles.front());
  }
  if (weight->shape != query.shape) {
    fail(ErrorKind::bad_file, "weight \"{}\" has shape [{}] where the configuration asks for [{}]",
         weight->name, fmt::join(weight->shape, ", "), fmt::join(query.shape, ", "));
  }
  return with_context([&] { return fmt::format("weight \"{}\"", weight->name); }, weight->read);
}

std::unique_ptr<WeightSource> legacy_weights(hdf5::Group model_weights) {
  return std::make_unique<LegacyWeights>(std::move(model_weights));
}

}  // namespace smelt::keras
