#include "smelt/base/file.h"
#include "smelt/formats/keras/importer.h"
#include "smelt/ir/verify.h"

namespace smelt::keras {
namespace {

/// The first number of "2.4.0" or "2.2.4-tf"; 2 where the file does not say.
int major_version(const hdf5::Group& root, const hdf5::Group& weights) {
  for (const hdf5::Object* object :
       {static_cast<const hdf5::Object*>(&root), static_cast<const hdf5::Object*>(&weights)}) {
    if (!object->has_attribute("keras_version")) continue;
    const std::string version = object->attribute_string("keras_version");
    if (!version.empty() && version[0] >= '0' && version[0] <= '9') return version[0] - '0';
  }
  return 2;
}

std::string read_config(const hdf5::Group& root) {
  if (root.has_attribute("model_config")) return root.attribute_string("model_config");
  if (root.has_attribute("layer_names") || root.has_attribute("layer_names0")) {
    fail(ErrorKind::unsupported,
         "the file holds weights but no layers; save the whole model with model.save()");
  }
  fail(ErrorKind::bad_file, "no Keras model: the attribute \"model_config\" is missing");
}

Graph load_graph(ByteView bytes, std::shared_ptr<const void> owner, const LoadOptions& options) {
  const hdf5::Group root = hdf5::File::from_bytes(bytes, std::move(owner)).root();
  const Json config = parse_json(read_config(root));
  const hdf5::Group weights = root.group("model_weights");
  const int version = major_version(root, weights);
  if (version < 2 || version > 3) {
    fail(ErrorKind::unsupported, "models of Keras {} are not supported", version);
  }
  const ModelSpec model = read_model(config);
  require_known_layers(model);
  const auto source = legacy_weights(weights);
  return Importer(options, *source, version).run(model);
}

}  // namespace

Model load_h5(ByteView bytes, std::shared_ptr<const void> owner, const LoadOptions& options) {
  Model model;
  model.graphs.push_back(load_graph(bytes, std::move(owner), options));
  model.source = {.format = "keras_h5", .file_bytes = static_cast<int64_t>(bytes.size())};
  return model;
}

Model load_h5(const std::filesystem::path& path, const LoadOptions& options) {
  return with_context([&] { return "while reading " + path.string(); },
                      [&] {
                        const auto file = MappedFile::open(path);
                        Model model = load_h5(file->bytes(), file, options);
                        model.source.path = path.string();
                        return model;
                      });
}

}  // namespace smelt::keras
