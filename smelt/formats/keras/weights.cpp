#include "smelt/formats/keras/weights.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "smelt/base/error.h"

namespace smelt::keras {
namespace {

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

/// "encoder/conv1" belongs to "conv1" inside of "encoder".
bool belongs_to(std::string_view owner, std::string_view layer) {
  return owner == layer || (owner.size() > layer.size() && owner.ends_with(layer) &&
                            owner[owner.size() - layer.size() - 1] == '/');
}

}  // namespace

LayerWeights::LayerWeights(const hdf5::Group& group, const std::string& layer)
    : group_(group.group(layer)) {
  for (const std::string& name : read_names(group_, "weight_names")) {
    std::string_view full = name;
    full = full.substr(0, full.rfind(':'));
    const size_t slash = full.rfind('/');
    const size_t owner_size = slash == std::string_view::npos ? 0 : slash;
    const size_t role = slash == std::string_view::npos ? 0 : slash + 1;
    entries_.push_back(
        {name, std::string(full.substr(0, owner_size)), std::string(full.substr(role))});
  }
}

const LayerWeights::Entry& LayerWeights::find(const Query& query) const {
  const Entry* found = nullptr;
  int matches = 0;
  for (const Entry& entry : entries_) {
    const bool role = std::any_of(query.roles.begin(), query.roles.end(),
                                  [&](std::string_view r) { return entry.role == r; });
    if (!role || (!query.inner_layer.empty() && !belongs_to(entry.owner, query.inner_layer)))
      continue;
    found = &entry;
    ++matches;
  }
  if (matches == 1) return *found;
  if (query.inner_layer.empty() && query.position < entries_.size()) {
    return entries_[query.position];
  }
  fail(ErrorKind::bad_file, "the file holds no weight \"{}\" for it", query.roles.front());
}

hdf5::Floats LayerWeights::read(const Query& query) const {
  const Entry& entry = find(query);
  const hdf5::Dataset dataset = group_.dataset(entry.name);
  if (dataset.shape() != query.shape) {
    fail(ErrorKind::bad_file, "weight \"{}\" has shape [{}] where the configuration asks for [{}]",
         entry.name, fmt::join(dataset.shape(), ", "), fmt::join(query.shape, ", "));
  }
  return with_context([&] { return fmt::format("weight \"{}\"", entry.name); },
                      [&] { return dataset.floats(); });
}

const LayerWeights& WeightStore::layer(const std::string& name) {
  if (!layer_ || name_ != name) {
    layer_ = std::make_unique<LayerWeights>(group_, name);
    name_ = name;
  }
  return *layer_;
}

}  // namespace smelt::keras
