// A program outside the tree: loads a .tflite, runs it once on zeros and prints its first output.
#include <cstdio>

#include "smelt/formats/formats.h"
#include "smelt/run/interpreter.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const smelt::Model model = smelt::load(argv[1]);
    smelt::Interpreter interpreter(smelt::Program::prepare(model));
    interpreter.invoke();
    for (const float value : interpreter.output<float>(0)) std::printf("%g ", value);
    std::printf("\n");
  } catch (const smelt::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
