// Feeds a libFuzzer entry with a corpus and with damaged copies of it, the same for the same seed:
//   smelt_tflite_replay [--cuts N] [--mutations N] [--seed S] [--max-bytes N] FILE...
// Each file is tried whole, cut at N places and mutated N times. A crash, a sanitizer report, or an
// input that takes longer than a minute ends the program; its description is printed first.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "smelt/base/file.h"
#include "smelt/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr unsigned kSecondsPerInput = 60;

struct Settings {
  uint64_t cuts = 200;
  uint64_t mutations = 2000;
  uint64_t seed = 1;
  uint64_t max_bytes = UINT64_MAX;  // larger files are left out
  std::vector<std::string> files;
};

std::string g_current;  // what is being tried, for the message of a crash

void try_one(const std::string& what, const std::vector<uint8_t>& bytes) {
  g_current = what;
  alarm(kSecondsPerInput);
  // A copy of exactly this size, so that AddressSanitizer sees a read behind the end.
  std::vector<uint8_t> exact(bytes);
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  alarm(0);
}

/// Changes that break formats: flipped bits, extreme numbers, copied and zeroed stretches.
void mutate(std::vector<uint8_t>& bytes, smelt::Random& random) {
  if (bytes.empty()) return;
  constexpr uint32_t kExtremes[] = {0,          1,          0x7f,       0xff,
                                    0x7fff,     0xffff,     0x7fffffff, 0x80000000,
                                    0xffffffff, 0xfffffffe, 0x10000,    0x1000000};
  const uint64_t changes = 1 + random.below(8);
  for (uint64_t i = 0; i < changes; ++i) {
    const size_t at = random.below(bytes.size());
    const size_t room = bytes.size() - at;
    switch (random.below(5)) {
      case 0:
        bytes[at] ^= static_cast<uint8_t>(1u << random.below(8));
        break;
      case 1:
        bytes[at] = static_cast<uint8_t>(random.next());
        break;
      case 2: {
        const uint32_t value = kExtremes[random.below(std::size(kExtremes))];
        std::memcpy(&bytes[at], &value, std::min(sizeof(value), room));
        break;
      }
      case 3: {
        const size_t from = random.below(bytes.size());
        const size_t count = std::min({room, bytes.size() - from, size_t{1} + random.below(64)});
        std::memmove(&bytes[at], &bytes[from], count);
        break;
      }
      default:
        std::memset(&bytes[at], 0, std::min(room, size_t{1} + random.below(16)));
    }
  }
}

void replay(const std::string& path, const Settings& settings) {
  const auto file = smelt::MappedFile::open(path);
  const std::vector<uint8_t> whole(file->bytes().begin(), file->bytes().end());
  if (whole.size() > settings.max_bytes) return;
  try_one(path, whole);
  for (uint64_t i = 0; i < settings.cuts; ++i) {
    const size_t size = whole.size() * i / settings.cuts;
    try_one(path + " cut to " + std::to_string(size) + " bytes",
            {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  smelt::Random random(settings.seed);
  for (uint64_t i = 0; i < settings.mutations; ++i) {
    std::vector<uint8_t> bytes = whole;
    mutate(bytes, random);
    try_one(path + " mutation " + std::to_string(i), bytes);
  }
}

void on_crash(int signal) {
  const char* what = signal == SIGALRM ? "hangs on: " : "crashes on: ";
  (void)!write(STDERR_FILENO, what, std::strlen(what));
  (void)!write(STDERR_FILENO, g_current.data(), g_current.size());
  (void)!write(STDERR_FILENO, "\n", 1);
  _exit(1);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    auto number = [&] { return ++i < argc ? std::strtoull(argv[i], nullptr, 10) : 0; };
    if (word == "--cuts") {
      settings.cuts = number();
    } else if (word == "--mutations") {
      settings.mutations = number();
    } else if (word == "--seed") {
      settings.seed = number();
    } else if (word == "--max-bytes") {
      settings.max_bytes = number();
    } else {
      settings.files.push_back(word);
    }
  }
  return settings;
}

}  // namespace

// Sanitizers call this before they end the program.
extern "C" void __asan_on_error() {
  std::fprintf(stderr, "sanitizer report on: %s\n", g_current.c_str());
}

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  for (const int signal : {SIGSEGV, SIGABRT, SIGALRM, SIGFPE, SIGBUS})
    std::signal(signal, on_crash);
  for (const std::string& path : settings.files) replay(path, settings);
  std::printf("%zu files survived\n", settings.files.size());
}
