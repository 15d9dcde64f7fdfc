#include <algorithm>

#include "smelt/base/file.h"
#include "smelt/formats/tensorflow/import.h"
#include "smelt/formats/tensorflow/tensor_proto.h"
#include "smelt/formats/tfjs/graph_json.h"
#include "smelt/formats/tfjs/layers.h"
#include "smelt/formats/tfjs/tfjs.h"

namespace smelt::tfjs {
namespace {

using keras::Config;
using tensorflow::Endpoint;
using tensorflow::Entry;

std::filesystem::path json_file(const std::filesystem::path& path) {
  return std::filesystem::is_directory(path) ? path / "model.json" : path;
}

std::vector<Endpoint> endpoints(const Json& list) {
  std::vector<Endpoint> result;
  if (!list.is_object()) fail(ErrorKind::bad_file, "the signature is malformed");
  for (const auto& [name, json] : list.items()) {
    const Config info(json);
    // Old converters name inputs "x:0".
    Endpoint endpoint{.name = name.substr(0, name.find(':')), .tensor = info.string("name")};
    if (const Json* type = info.find("dtype")) endpoint.tf_type = read_type(*type);
    if (const Json* shape = info.find("tensorShape")) {
      const auto message = read_shape(*shape);
      if (!message.unknown_rank()) endpoint.dims = tensorflow::dims(message);
    }
    result.push_back(std::move(endpoint));
  }
  return result;
}

const Json* find_signature(const Json& model) {
  const Config config(model);
  if (const Json* signature = config.find("signature")) return signature;
  const Json* metadata = config.find("userDefinedMetadata");
  return metadata != nullptr && metadata->is_object() ? Config(*metadata).find("signature")
                                                      : nullptr;
}

Model import_graph_model(const Json& model, const Json& topology, const Weights& weights,
                         const LoadOptions& options) {
  const Json* initializer = Config(model).find("modelInitializer");
  if (initializer != nullptr && !initializer->empty()) {
    fail(ErrorKind::unsupported,
         "models with a \"modelInitializer\" (tables of texts) are not supported");
  }
  const auto graph = read_graph(topology, weights);
  const Json* signature = find_signature(model);
  Entry entry;
  if (signature != nullptr && Config(*signature).has("outputs")) {
    entry.signature = "serving_default";
    if (const Json* inputs = Config(*signature).find("inputs")) entry.inputs = endpoints(*inputs);
    entry.outputs = endpoints(Config(*signature).at("outputs"));
  } else {
    entry = tensorflow::guess_entry(graph);
  }
  return tensorflow::import_graph(graph, entry, {}, {.input_shapes = options.input_shapes});
}

Model load_json(const std::filesystem::path& file, const LoadOptions& options) {
  const Json json = keras::parse_json(read_text_file(file));
  const Config config(json);
  const Json& topology = config.at("modelTopology");
  const Weights weights(config.at("weightsManifest"), file.parent_path());
  Model model;
  if (Config(topology).has("node")) {
    model = import_graph_model(json, topology, weights, options);
    model.source.format = "tfjs_graph";
  } else {
    model.graphs.push_back(import_layers(topology, weights, options.input_shapes));
    model.source.format = "tfjs_layers";
  }
  model.source.path = file.string();
  model.source.file_bytes = static_cast<int64_t>(std::filesystem::file_size(file));
  return model;
}

}  // namespace

bool is_tfjs(const std::filesystem::path& path) {
  const std::filesystem::path file = json_file(path);
  if (file.extension() != ".json" || !std::filesystem::is_regular_file(file)) return false;
  const auto mapped = MappedFile::open(file);
  constexpr std::string_view kKey = "\"modelTopology\"";
  const ByteView bytes = mapped->bytes();
  return std::search(bytes.begin(), bytes.end(), kKey.begin(), kKey.end()) != bytes.end();
}

Model load(const std::filesystem::path& path, const LoadOptions& options) {
  const std::filesystem::path file = json_file(path);
  return with_context([&] { return "while reading " + file.string(); },
                      [&] { return load_json(file, options); });
}

}  // namespace smelt::tfjs
