// Paths and directories: what checkpoints and exports do beside reading and writing files.
#pragma once

#include "runtime/support/Status.h"

#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// "a/b/c" -> "a/b"; "c" -> "."; "/c" -> "/".
std::string parentDirectory(const std::string &path);
/// "a/b/c" -> "c".
std::string baseName(const std::string &path);
/// `directory` and `name` with one slash between them.
std::string joinPath(const std::string &directory, std::string_view name);
/// A name that stays inside its directory: not empty, at most 255 bytes, no '/', no NUL, not
/// "." or "..".
bool isBareFileName(std::string_view name);

enum class PathKind { Missing, File, Directory, Other };
/// What `path` is, symbolic links followed; Missing also when it cannot be looked at.
PathKind pathKind(const std::string &path);
inline bool isFile(const std::string &path) { return pathKind(path) == PathKind::File; }
inline bool isDirectory(const std::string &path) {
  return pathKind(path) == PathKind::Directory;
}

/// Where a chain of symbolic links at `path` ends, whether something is there or not, as open with
/// O_CREAT follows it; `path` itself where it is no link. Fails on links that lead in a circle.
Result<std::string> linkTarget(const std::string &path);
/// Whether both paths lead to one existing file.
bool isSameFile(const std::string &a, const std::string &b);

/// The names in a directory without "." and "..", sorted by bytes.
Result<std::vector<std::string>> listDirectory(const std::string &path);

/// Makes one directory; it must not exist.
Status makeDirectory(const std::string &path);
/// Makes a directory and its missing parents; existing ones are fine.
Status makeDirectories(const std::string &path);

/// fsync on a directory: makes the names created and renamed in it durable. File systems that
/// do not offer it (EINVAL) are taken as they are.
Status syncDirectory(const std::string &path);

/// rename(2), which replaces a file at `to`.
Status renamePath(const std::string &from, const std::string &to);
/// Swaps two existing paths at once, where the file system can; an error otherwise.
Status exchangePaths(const std::string &a, const std::string &b);

/// Removes a file; a missing one is fine.
Status removeFile(const std::string &path);
/// Removes a directory with all that is in it (symbolic links are removed, not followed); a
/// missing one is fine. At most 64 levels deep.
Status removeTree(const std::string &path);

} // namespace ftc::rt
