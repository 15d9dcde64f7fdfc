// Prints the graph that a Keras .h5 file becomes, or the error: "keras_dump FILE...".
#include <cstdio>
#include <exception>

#include "smelt/formats/keras/keras.h"
#include "smelt/ir/dump.h"

int main(int argc, char** argv) {
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    try {
      std::printf("%s", smelt::dump(smelt::keras::load(argv[i])).c_str());
    } catch (const smelt::Error& error) {
      std::fprintf(stderr, "%s: %s\n", std::string(smelt::name(error.kind())).c_str(),
                   error.what());
      ++failures;
    }
  }
  return failures == 0 ? 0 : 1;
}
