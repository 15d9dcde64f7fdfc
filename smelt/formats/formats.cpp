#include "smelt/formats/formats.h"

#include "smelt/base/file.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/formats/saved_model/saved_model.h"
#include "smelt/formats/tensorflow/tensorflow.h"
#include "smelt/formats/tfjs/tfjs.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/formats/zip/archive.h"

namespace smelt {
namespace {

enum class Format { tflite, keras, archive, saved_model, graph_def, tfjs, unknown };

bool starts_with(ByteView bytes, size_t offset, std::string_view magic) {
  if (!in_range(offset, magic.size(), bytes.size())) return false;
  return std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

Format detect(ByteView bytes, const std::filesystem::path& name) {
  if (bytes.empty()) fail(ErrorKind::bad_file, "{} is empty", name.string());
  if (starts_with(bytes, 4, "TFL3")) return Format::tflite;
  if (starts_with(bytes, 0, "\x89HDF\r\n\x1a\n")) return Format::keras;
  if (starts_with(bytes, 0, "PK\x03\x04")) return Format::archive;
  const std::string suffix = name.extension().string();
  if (suffix == ".pb" || tensorflow::is_graph_def(bytes)) return Format::graph_def;
  if (suffix == ".tflite" || suffix == ".lite") return Format::tflite;
  for (const char* known : {".h5", ".hdf5", ".keras", ".json"}) {
    if (suffix == known) return Format::keras;
  }
  return Format::unknown;
}

/// Formats of several files are told apart by their folder, the others by their content.
Format detect(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path) ? saved_model::is_saved_model(path)
                                          : path.filename() == "saved_model.pb") {
    return Format::saved_model;
  }
  if (tfjs::is_tfjs(path)) return Format::tfjs;
  return detect(MappedFile::open(path)->bytes(), path);
}

keras::LoadOptions keras_options(const LoadOptions& options) {
  return {.input_shapes = options.input_shapes,
          .weights = options.weights,
          .config = options.config,
          .ignore_custom = options.ignore_custom};
}

/// The model in an archive: the member asked for, else the .tflite that is quantized ("N.tflite"
/// beside "N.float32.tflite": the shorter name), else the .h5.
std::string choose_member(const zip::Archive& archive, const LoadOptions& options) {
  if (!options.member.empty()) {
    if (archive.contains(options.member)) return options.member;
    std::string known;
    for (const std::string& name : archive.names()) known += (known.empty() ? "" : ", ") + name;
    fail(ErrorKind::bad_argument, "--member {}: the archive holds {}", options.member,
         known.empty() ? "nothing" : known);
  }
  for (const std::string_view suffix : {".tflite", ".h5", ".keras"}) {
    std::string best;
    for (const std::string& name : archive.names()) {
      if (name.ends_with(suffix) && (best.empty() || name.size() < best.size())) best = name;
    }
    if (!best.empty()) return best;
  }
  fail(ErrorKind::unsupported, "the zip archive holds no config.json, .tflite or .h5");
}

Model parse_member(const zip::Archive& archive, const LoadOptions& options) {
  const std::string name = choose_member(archive, options);
  const zip::Content member = archive.read(name);
  return with_context([&] { return "member " + name; },
                      [&] {
                        switch (detect(member.bytes, name)) {
                          case Format::tflite:
                            return tflite::parse(member.bytes, member.owner);
                          case Format::keras:
                            return keras::parse(member.bytes, member.owner, keras_options(options));
                          default:
                            fail(ErrorKind::unsupported, "it is no .tflite or Keras .h5");
                        }
                      });
}

Model load_archive(const std::filesystem::path& path, const LoadOptions& options) {
  return with_context(
      [&] { return "while reading " + path.string(); },
      [&] {
        const auto file = MappedFile::open(path);
        const auto archive = zip::Archive::parse(file->bytes(), file);
        const bool keras = options.member.empty() && archive.contains("config.json");
        Model model = keras ? keras::parse(file->bytes(), file, keras_options(options))
                            : parse_member(archive, options);
        model.source.path = path.string();
        return model;
      });
}

}  // namespace

Model load(const std::filesystem::path& path, const LoadOptions& options) {
  switch (detect(path)) {
    case Format::tflite:
      return tflite::load(path);
    case Format::keras:
      return keras::load(path, keras_options(options));
    case Format::archive:
      return load_archive(path, options);
    case Format::saved_model: {
      const bool folder = std::filesystem::is_directory(path);
      return saved_model::load(folder ? path : "." / path.parent_path(),
                               {.input_shapes = options.input_shapes,
                                .signature = options.signature,
                                .tag_set = options.tag_set});
    }
    case Format::graph_def:
      return tensorflow::load_frozen(path, {.input_shapes = options.input_shapes});
    case Format::tfjs:
      return tfjs::load(path, {.input_shapes = options.input_shapes});
    default:
      fail(ErrorKind::unsupported,
           "{}: no model format that Smelt knows; it reads .tflite, Keras .h5 and .keras, "
           "SavedModel, TensorFlow.js and archives of such files",
           path.string());
  }
}

}  // namespace smelt
