#include <algorithm>
#include <optional>

#include "smelt/base/file.h"
#include "smelt/formats/keras/importer.h"
#include "smelt/formats/keras/keras1.h"
#include "smelt/formats/zip/archive.h"

namespace smelt::keras {
namespace {

/// What one file holds: layers, weights or both.
struct Content {
  std::string format;
  std::optional<Json> config;
  std::optional<int> version;  ///< of Keras
  std::unique_ptr<WeightSource> weights;
};

/// The first number of "2.4.0" or "2.2.4-tf".
std::optional<int> major_version(const std::string& version) {
  if (version.empty() || version[0] < '0' || version[0] > '9') return std::nullopt;
  return version[0] - '0';
}

std::optional<int> stored_version(const hdf5::Object& object) {
  if (!object.has_attribute("keras_version")) return std::nullopt;
  return major_version(object.attribute_string("keras_version"));
}

std::unique_ptr<WeightSource> read_weights(const hdf5::Group& root) {
  if (root.contains("model_weights")) return legacy_weights(root.group("model_weights"));
  if (root.has_attribute("layer_names") || root.has_attribute("layer_names0")) {
    return legacy_weights(root);
  }
  if (root.contains("layers") || root.contains("_layer_checkpoint_dependencies")) {
    return object_weights({root});
  }
  return nullptr;
}

hdf5::Group open_hdf5(ByteView bytes, std::shared_ptr<const void> owner) {
  return hdf5::File::from_bytes(bytes, std::move(owner)).root();
}

Content read_h5(ByteView bytes, std::shared_ptr<const void> owner) {
  const hdf5::Group root = open_hdf5(bytes, std::move(owner));
  Content content{.format = "keras_h5"};
  content.version = stored_version(root);
  if (!content.version && root.contains("model_weights")) {
    content.version = stored_version(root.group("model_weights"));
  }
  if (root.has_attribute("model_config")) {
    content.config = parse_json(root.attribute_string("model_config"));
  }
  content.weights = read_weights(root);
  if (!content.config && content.weights == nullptr) {
    fail(ErrorKind::bad_file, "no Keras model: the attribute \"model_config\" is missing");
  }
  return content;
}

std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// `model.weights.h5`, or the files that `model.weights.json` lists.
std::unique_ptr<WeightSource> read_archived_weights(const zip::Archive& archive) {
  const auto open = [&](const std::string& name) {
    return with_context([&] { return "member " + name; },
                        [&] {
                          const zip::Content member = archive.read(name);
                          return open_hdf5(member.bytes, member.owner);
                        });
  };
  if (archive.contains("model.weights.h5")) return object_weights({open("model.weights.h5")});
  std::vector<hdf5::Group> roots;
  for (const std::string& name : archive.names()) {
    if (name.starts_with("model_") && name.ends_with(".weights.h5")) roots.push_back(open(name));
  }
  if (roots.empty()) return nullptr;
  return object_weights(std::move(roots));
}

Content read_archive(ByteView bytes, std::shared_ptr<const void> owner) {
  const auto archive = zip::Archive::parse(bytes, std::move(owner));
  if (!archive.contains("config.json")) {
    fail(ErrorKind::unsupported, "the zip archive is no Keras model: it holds no config.json");
  }
  Content content{.format = "keras"};
  content.config = parse_json(text_of(archive.read("config.json").bytes));
  content.version = 3;
  if (archive.contains("metadata.json")) {
    const Json metadata = parse_json(text_of(archive.read("metadata.json").bytes));
    content.version = major_version(Config(metadata).string("keras_version", "3"));
  }
  content.weights = read_archived_weights(archive);
  return content;
}

Content read_json(ByteView bytes) {
  Content content{.format = "keras_json"};
  content.config = parse_json(text_of(bytes));
  content.version = major_version(Config(*content.config).string("keras_version", ""));
  return content;
}

Content read_content(ByteView bytes, std::shared_ptr<const void> owner) {
  const std::string_view text = text_of(bytes.first(std::min<size_t>(bytes.size(), 4)));
  if (text.starts_with("PK")) return read_archive(bytes, std::move(owner));
  if (text.starts_with("{")) return read_json(bytes);
  return read_h5(bytes, std::move(owner));
}

Content read_file(const std::filesystem::path& path) {
  return with_context([&] { return "while reading " + path.string(); },
                      [&] {
                        const auto file = MappedFile::open(path);
                        return read_content(file->bytes(), file);
                      });
}

/// The flags by which the missing half is given.
void complete(Content& content, const LoadOptions& options) {
  if (!options.config.empty()) {
    Content other = read_file(options.config);
    if (!other.config) {
      fail(ErrorKind::bad_argument, "--config {}: the file holds no layers",
           options.config.string());
    }
    content.config = std::move(other.config);
    if (other.version) content.version = other.version;
  }
  if (!options.weights.empty()) {
    content.weights = read_file(options.weights).weights;
    if (content.weights == nullptr) {
      fail(ErrorKind::bad_argument, "--weights {}: the file holds no weights",
           options.weights.string());
    }
  }
  if (!content.config) {
    fail(ErrorKind::unsupported,
         "the file holds weights but no layers; name the model's configuration or another file of "
         "it with --config FILE");
  }
  if (content.weights == nullptr) {
    fail(ErrorKind::unsupported,
         "the file holds layers but no weights; name the file of weights with --weights FILE");
  }
}

}  // namespace

Model parse(ByteView bytes, std::shared_ptr<const void> owner, const LoadOptions& options) {
  Content content = read_content(bytes, std::move(owner));
  complete(content, options);
  if (content.version.value_or(1) < 2) {  // or a file that does not say
    modernize(*content.config);
    content.weights = modernized_weights(std::move(content.weights));
  }
  const int version = std::max(content.version.value_or(2), 2);
  if (version > 3) fail(ErrorKind::unsupported, "models of Keras {} are not supported", version);
  Model model;
  model.graphs.push_back(import_graph(*content.config, *content.weights, version, options));
  model.source = {.format = content.format, .file_bytes = static_cast<int64_t>(bytes.size())};
  return model;
}

Model load(const std::filesystem::path& path, const LoadOptions& options) {
  return with_context([&] { return "while reading " + path.string(); },
                      [&] {
                        const auto file = MappedFile::open(path);
                        Model model = parse(file->bytes(), file, options);
                        model.source.path = path.string();
                        return model;
                      });
}

}  // namespace smelt::keras
