// SPDX-License-Identifier: Apache-2.0
//
// For tests: a folder with a tree of files, for as long as the object lives.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace sluice::client::measure {

class Tree {
 public:
  Tree() {
    ::umask(022);  // whose folders others may write to are not looked at
    std::string name = (std::filesystem::temp_directory_path() / "measure-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
  }
  ~Tree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path at(const std::string& path) const { return root_ / path; }

  void put(const std::string& path, const std::string& bytes, mode_t mode = 0644) const {
    std::filesystem::create_directories(at(path).parent_path());
    std::ofstream(at(path), std::ios::binary) << bytes;
    EXPECT_EQ(::chmod(at(path).c_str(), mode), 0);
  }
  /// A shell script of this body.
  void program(const std::string& path, const std::string& body, mode_t mode = 0755) const {
    put(path, "#!/bin/sh\n" + body + "\n", mode);
  }
  void folder(const std::string& path) const { std::filesystem::create_directories(at(path)); }
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_directories(at(path).parent_path());
    std::filesystem::create_symlink(target, at(path));
  }

 private:
  std::filesystem::path root_;
};

}  // namespace sluice::client::measure
