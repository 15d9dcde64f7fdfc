/* Runs a model once on zeros and prints its outputs: run MODEL */
#include <stdio.h>
#include <string.h>

#include "smelt/c/smelt.h"

static void print_output(const smelt_interpreter* interpreter, size_t index) {
  smelt_tensor info;
  smelt_output_info(interpreter, index, &info);
  const size_t bytes = smelt_output_bytes(interpreter, index);
  const void* values = smelt_output(interpreter, index);
  printf("%s:", info.name);
  if (info.type == SMELT_FLOAT32) {
    for (size_t i = 0; i < bytes / sizeof(float); ++i) printf(" %g", ((const float*)values)[i]);
  } else if (info.type == SMELT_INT8) {
    for (size_t i = 0; i < bytes; ++i) {
      printf(" %g", info.scale * (((const signed char*)values)[i] - info.zero_point));
    }
  } else {
    printf(" %zu bytes", bytes);
  }
  printf("\n");
}

int main(int argc, char** argv) {
  if (argc != 2) return fprintf(stderr, "usage: run MODEL\n"), 2;
  smelt_model* model = smelt_load(argv[1], NULL);
  if (model == NULL) return fprintf(stderr, "%s\n", smelt_last_error()), 1;
  smelt_interpreter* interpreter = smelt_interpreter_new(model);
  for (size_t i = 0; i < smelt_input_count(interpreter); ++i) {
    memset(smelt_input(interpreter, i), 0, smelt_input_bytes(interpreter, i));
  }
  if (smelt_invoke(interpreter) != SMELT_OK) return fprintf(stderr, "%s\n", smelt_last_error()), 1;
  for (size_t i = 0; i < smelt_output_count(interpreter); ++i) print_output(interpreter, i);
  smelt_interpreter_free(interpreter);
  smelt_model_free(model);
  return 0;
}
