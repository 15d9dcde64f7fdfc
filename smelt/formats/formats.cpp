#include "smelt/formats/formats.h"

#include "smelt/base/file.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/formats/saved_model/saved_model.h"
#include "smelt/formats/tensorflow/tensorflow.h"
#include "smelt/formats/tfjs/tfjs.h"
#include "smelt/formats/tflite/tflite.h"

namespace smelt {
namespace {

enum class Format { tflite, hdf5, zip, saved_model, graph_def, tfjs, unknown };

bool starts_with(ByteView bytes, size_t offset, std::string_view magic) {
  if (!in_range(offset, magic.size(), bytes.size())) return false;
  return std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

Format detect(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path) && saved_model::is_saved_model(path)) {
    return Format::saved_model;
  }
  if (tfjs::is_tfjs(path)) return Format::tfjs;
  const auto file = MappedFile::open(path);
  const ByteView bytes = file->bytes();
  if (bytes.empty()) fail(ErrorKind::bad_file, "{} is empty", path.string());
  if (starts_with(bytes, 4, "TFL3")) return Format::tflite;
  if (starts_with(bytes, 0, "\x89HDF\r\n\x1a\n")) return Format::hdf5;
  if (starts_with(bytes, 0, "PK\x03\x04")) return Format::zip;
  const std::string suffix = path.extension().string();
  if (path.filename() == "saved_model.pb") return Format::saved_model;
  if (suffix == ".pb" || tensorflow::is_graph_def(bytes)) return Format::graph_def;
  if (suffix == ".tflite" || suffix == ".lite") return Format::tflite;
  if (suffix == ".h5" || suffix == ".hdf5") return Format::hdf5;
  return Format::unknown;
}

[[noreturn]] void refuse(Format format, const std::filesystem::path& path) {
  if (format == Format::zip) {
    fail(ErrorKind::unsupported,
         "{}: zip archives (.keras, .mltk.zip) are not read yet; save the model as .h5",
         path.string());
  }
  fail(ErrorKind::unsupported,
       "{}: no model format that Smelt knows; it reads .tflite and Keras .h5", path.string());
}

}  // namespace

Model load(const std::filesystem::path& path, const LoadOptions& options) {
  const Format format = detect(path);
  switch (format) {
    case Format::tflite:
      return tflite::load(path);
    case Format::hdf5:
      return keras::load_h5(path, {.input_shapes = options.input_shapes});
    case Format::saved_model: {
      const bool folder = std::filesystem::is_directory(path);
      return saved_model::load(folder ? path : path.parent_path(),
                               {.input_shapes = options.input_shapes,
                                .signature = options.signature,
                                .tag_set = options.tag_set});
    }
    case Format::graph_def:
      return tensorflow::load_frozen(path, {.input_shapes = options.input_shapes});
    case Format::tfjs:
      return tfjs::load(path, {.input_shapes = options.input_shapes});
    default:
      refuse(format, path);
  }
}

}  // namespace smelt
