// smelt_tflite_resave IN.tflite OUT.tflite [--no-names] [--outside]: loads, saves, loads again and
// compares; for the comparison with LiteRT in tests/peers.

#include <cstdio>
#include <string_view>

#include "smelt/formats/tflite/tflite.h"
#include "smelt/ir/dump.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  smelt::tflite::SaveOptions options;
  for (int i = 3; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--no-names") options.names = false;
    if (std::string_view(argv[i]) == "--outside") options.inline_limit = 0;
  }
  try {
    const smelt::Model model = smelt::tflite::load(argv[1]);
    smelt::tflite::save(model, argv[2], options);
    const std::string found = difference(model, smelt::tflite::load(argv[2]), options.names);
    if (found.empty()) return 0;
    std::fprintf(stderr, "differs: %s\n", found.c_str());
  } catch (const smelt::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 1;
}
