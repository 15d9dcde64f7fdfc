/* Smelt for C and for languages that call C: load a model, run it.
 *
 *   smelt_model* model = smelt_load("model.tflite", NULL);
 *   smelt_interpreter* interpreter = smelt_interpreter_new(model);
 *   memcpy(smelt_input(interpreter, 0), image, smelt_input_bytes(interpreter, 0));
 *   if (smelt_invoke(interpreter) != SMELT_OK) puts(smelt_last_error());
 *   const float* scores = smelt_output(interpreter, 0);
 *
 * Ownership: what a *_new or smelt_load returns is the caller's to free; every other pointer
 * belongs to the object that it was asked of and lives as long as that. Freeing NULL does nothing.
 * Threads: a model may be shared by any number of threads; an interpreter belongs to one at a time,
 * and every thread that runs a model has one of its own. An interpreter keeps what it needs of its
 * model, which may be freed first.
 * Errors: functions that can fail return a status, or NULL; smelt_last_error() then says why. */
#ifndef SMELT_C_SMELT_H
#define SMELT_C_SMELT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct smelt_model smelt_model;
typedef struct smelt_interpreter smelt_interpreter;

typedef enum smelt_status {
  SMELT_OK = 0,
  SMELT_BAD_FILE = 1,     /* the bytes of a file are malformed */
  SMELT_UNSUPPORTED = 2,  /* the file is well-formed, but holds what Smelt cannot do */
  SMELT_BAD_ARGUMENT = 3, /* the caller passed something wrong */
  SMELT_IO = 4,           /* the operating system refused: missing file, no memory */
  SMELT_INTERNAL = 5      /* a bug in Smelt */
} smelt_status;

/* Values are those of TFLite's TensorType. */
typedef enum smelt_type {
  SMELT_FLOAT32 = 0,
  SMELT_FLOAT16 = 1,
  SMELT_INT32 = 2,
  SMELT_UINT8 = 3,
  SMELT_INT64 = 4,
  SMELT_STRING = 5,
  SMELT_BOOL = 6,
  SMELT_INT16 = 7,
  SMELT_COMPLEX64 = 8,
  SMELT_INT8 = 9,
  SMELT_FLOAT64 = 10,
  SMELT_COMPLEX128 = 11,
  SMELT_UINT64 = 12,
  SMELT_RESOURCE = 13,
  SMELT_VARIANT = 14,
  SMELT_UINT32 = 15,
  SMELT_UINT16 = 16,
  SMELT_INT4 = 17,
  SMELT_BFLOAT16 = 18,
  SMELT_INT2 = 19,
  SMELT_UINT4 = 20,
  SMELT_FLOAT8_E4M3FN = 21,
  SMELT_FLOAT8_E5M2 = 22
} smelt_type;

/* What an input or output is. real value = scale * (stored value - zero_point); scale is 0 where
 * values are not quantized per tensor. */
typedef struct smelt_tensor {
  const char* name;
  smelt_type type;
  const int32_t* dims; /* rank of them */
  int32_t rank;
  float scale;
  int32_t zero_point;
} smelt_tensor;

/* Why the last call in this thread failed: one line that names the file, the op and the cure. ""
 * where none did. */
const char* smelt_last_error(void);

/* Loads a model of any format that Smelt reads and prepares it to run one sample (batch 1). NULL
 * where it fails; `status` may be NULL. */
smelt_model* smelt_load(const char* path, smelt_status* status);
/* The same from memory that holds a .tflite file; the bytes are copied. */
smelt_model* smelt_load_tflite(const void* bytes, size_t size, smelt_status* status);
void smelt_model_free(smelt_model* model);

/* NULL where the machine has not the memory. */
smelt_interpreter* smelt_interpreter_new(const smelt_model* model);
void smelt_interpreter_free(smelt_interpreter* interpreter);

size_t smelt_input_count(const smelt_interpreter* interpreter);
size_t smelt_output_count(const smelt_interpreter* interpreter);

/* Fills `tensor`; SMELT_BAD_ARGUMENT where there is no such input or output. An output whose shape
 * depends on data has the dims of the last invocation. */
smelt_status smelt_input_info(const smelt_interpreter* interpreter, size_t index,
                              smelt_tensor* tensor);
smelt_status smelt_output_info(const smelt_interpreter* interpreter, size_t index,
                               smelt_tensor* tensor);

/* Where the values are: write inputs before smelt_invoke, which may overwrite them; read outputs
 * behind it. int4 values are packed two to a byte. NULL and 0 where there is no such tensor. */
void* smelt_input(smelt_interpreter* interpreter, size_t index);
size_t smelt_input_bytes(const smelt_interpreter* interpreter, size_t index);
const void* smelt_output(const smelt_interpreter* interpreter, size_t index);
size_t smelt_output_bytes(const smelt_interpreter* interpreter, size_t index);

smelt_status smelt_invoke(smelt_interpreter* interpreter);

/* Forgets the state of variables: the next invocation starts as the first did. */
smelt_status smelt_reset(smelt_interpreter* interpreter);

/* Called behind every op with the result's name, info and values, which live during the call. */
typedef void (*smelt_hook)(void* user, const char* op, const smelt_tensor* tensor,
                           const void* values, size_t bytes);
/* A hook of NULL removes it. */
void smelt_set_hook(smelt_interpreter* interpreter, smelt_hook hook, void* user);

#ifdef __cplusplus
}
#endif

#endif
