#include "smelt/formats/saved_model/saved_model.h"

#include <algorithm>
#include <set>

#include "smelt/formats/saved_model/bundle.h"
#include "smelt/formats/saved_model/restore.h"
#include "smelt/formats/tensorflow/import.h"
#include "smelt/formats/tensorflow/tensor_proto.h"

namespace smelt::saved_model {
namespace {

using tensorflow::Endpoint;
using tensorflow::Entry;
using tensorflow::proto::MetaGraphDef;
using tensorflow::proto::SignatureDef;
using tensorflow::proto::TensorInfo;

std::string tags_of(const MetaGraphDef& graph) {
  std::set<std::string> tags(graph.meta_info_def().tags().begin(),
                             graph.meta_info_def().tags().end());
  std::string text;
  for (const std::string& tag : tags) text += (text.empty() ? "" : ",") + tag;
  return text;
}

/// "gpu,serve" for "serve,gpu".
std::string sorted_tags(const std::string& list) {
  std::set<std::string> tags;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    tags.insert(list.substr(begin, end - begin));
    begin = end + 1;
  }
  std::string text;
  for (const std::string& tag : tags) text += (text.empty() ? "" : ",") + tag;
  return text;
}

const MetaGraphDef& choose_graph(const tensorflow::proto::SavedModel& model,
                                 const std::string& wanted) {
  if (model.meta_graphs().empty()) fail(ErrorKind::bad_file, "it holds no graph");
  const std::string tags = wanted.empty() ? "serve" : sorted_tags(wanted);
  std::string known;
  for (const MetaGraphDef& graph : model.meta_graphs()) {
    if (tags_of(graph) == tags) return graph;
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", tags_of(graph));
  }
  if (wanted.empty()) {
    if (model.meta_graphs_size() == 1) return model.meta_graphs(0);
    // TensorFlow Hub's modules: the graph without tags is the one for inference.
    for (const MetaGraphDef& graph : model.meta_graphs()) {
      if (graph.meta_info_def().tags().empty()) return graph;
    }
  }
  fail(ErrorKind::bad_argument, "no graph has the tag set \"{}\"; there are {} (--tag-set)", tags,
       known);
}

/// Signatures with results: what initializes a model has none.
std::vector<std::string> usable_signatures(const MetaGraphDef& graph) {
  std::vector<std::string> keys;
  for (const auto& [key, signature] : graph.signature_def()) {
    if (!key.starts_with("__saved_model_") && !signature.outputs().empty()) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::string choose_signature(const MetaGraphDef& graph, const std::string& wanted) {
  const std::vector<std::string> keys = usable_signatures(graph);
  const auto has = [&](const std::string& key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  if (!wanted.empty() && has(wanted)) return wanted;
  if (wanted.empty() && has("serving_default")) return "serving_default";
  if (wanted.empty() && keys.size() == 1) return keys[0];
  if (keys.empty()) {
    fail(ErrorKind::unsupported,
         "the model has no signatures, which say what its inputs and outputs are; save it with "
         "signatures, or with Keras's model.export()");
  }
  std::string known;
  for (const std::string& key : keys) known += (known.empty() ? "" : ", ") + key;
  if (wanted.empty()) {
    fail(ErrorKind::bad_argument, "choose one of its signatures with --signature: {}", known);
  }
  fail(ErrorKind::bad_argument, "there is no signature {}; there are {} (--signature)", wanted,
       known);
}

Endpoint endpoint(const std::string& name, const TensorInfo& info) {
  if (info.encoding_case() != TensorInfo::kName || info.name().empty()) {
    fail(ErrorKind::unsupported, "{} is no dense tensor", name);
  }
  Endpoint result{.name = name, .tensor = info.name(), .tf_type = info.dtype()};
  if (info.has_tensor_shape() && !info.tensor_shape().unknown_rank()) {
    result.dims = tensorflow::dims(info.tensor_shape());
  }
  return result;
}

Entry make_entry(const std::string& key, const SignatureDef& signature) {
  Entry entry{.signature = key};
  for (const auto& [name, info] : signature.inputs()) entry.inputs.push_back(endpoint(name, info));
  for (const auto& [name, info] : signature.outputs()) {
    entry.outputs.push_back(endpoint(name, info));
  }
  for (auto* list : {&entry.inputs, &entry.outputs}) {
    std::sort(list->begin(), list->end(),
              [](const Endpoint& a, const Endpoint& b) { return a.name < b.name; });
  }
  return entry;
}

/// Finds the values of variables; opens the files when the first is asked for.
class Variables {
 public:
  Variables(std::filesystem::path folder, const MetaGraphDef& graph)
      : folder_(std::move(folder)), graph_(graph) {}

  std::optional<Tensor> read(const std::string& node) {
    if (!bundle_) open();
    const auto found = restored_.find(node);
    if (found != restored_.end() && bundle_->contains(found->second.key)) {
      return named(node, bundle_->read(found->second.key, found->second.slice));
    }
    for (const std::string& key : {node, shared_name(node)}) {
      for (const char* suffix : {"", "/.ATTRIBUTES/VARIABLE_VALUE"}) {
        if (!key.empty() && bundle_->contains(key + suffix)) {
          return named(node, bundle_->read(key + suffix));
        }
      }
    }
    return std::nullopt;
  }

 private:
  void open() {
    bundle_.emplace(folder_ / "variables" / "variables");
    const std::string& restore = graph_.saver_def().restore_op_name();
    restored_ = find_restored(graph_.graph_def(), restore.substr(0, restore.find(':')));
  }

  static Tensor named(const std::string& node, Tensor tensor) {
    tensor.name = node;
    return tensor;
  }

  std::string shared_name(const std::string& node) const {
    for (const auto& def : graph_.graph_def().node()) {
      if (def.name() != node) continue;
      const auto found = def.attr().find("shared_name");
      return found == def.attr().end() ? "" : found->second.s();
    }
    return "";
  }

  std::filesystem::path folder_;
  const MetaGraphDef& graph_;
  std::optional<Bundle> bundle_;
  std::map<std::string, StoredAs> restored_;
};

Model load_folder(const std::filesystem::path& folder, const LoadOptions& options) {
  const auto file = folder / "saved_model.pb";
  if (!std::filesystem::exists(file)) {
    fail(
        ErrorKind::unsupported,
        "saved_model.pbtxt is a text, which Smelt does not read; save the model as saved_model.pb");
  }
  const auto mapped = MappedFile::open(file);
  const auto saved =
      tensorflow::parse<tensorflow::proto::SavedModel>(mapped->bytes(), "saved_model.pb");
  const MetaGraphDef& graph = choose_graph(saved, options.tag_set);
  const bool guess = options.signature.empty() && usable_signatures(graph).empty() &&
                     graph.graph_def().library().function().empty();
  const std::string key = guess ? "" : choose_signature(graph, options.signature);
  const Entry entry = guess ? tensorflow::guess_entry(graph.graph_def())
                            : make_entry(key, graph.signature_def().at(key));
  Variables variables(folder, graph);
  Model model = tensorflow::import_graph(
      graph.graph_def(), entry, [&](const std::string& node) { return variables.read(node); },
      {.input_shapes = options.input_shapes});
  int64_t bytes = 0;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder)) {
    if (item.is_regular_file()) bytes += static_cast<int64_t>(item.file_size());
  }
  model.source = {.path = folder.string(), .format = "saved_model", .file_bytes = bytes};
  return model;
}

}  // namespace

bool is_saved_model(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "saved_model.pb") ||
         std::filesystem::exists(folder / "saved_model.pbtxt");
}

Model load(const std::filesystem::path& folder, const LoadOptions& options) {
  return with_context([&] { return "while reading " + folder.string(); },
                      [&] { return load_folder(folder, options); });
}

}  // namespace smelt::saved_model
