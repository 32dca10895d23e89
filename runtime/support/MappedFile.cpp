// Read-only mappings and the SIGBUS handler that goes with them.
#include "runtime/support/MappedFile.h"

#include "runtime/support/File.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace ftc::rt {

Result<MappedFile> MappedFile::open(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(File file, File::open(path));
  MappedFile mapped;
  if (file.size() == 0)
    return mapped;
  void *address = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (address == MAP_FAILED) {
    int error = errno;
    return ioError("map (" + describeBytes(file.size()) + ")", path, error);
  }
  mapped.base = static_cast<const std::byte *>(address);
  mapped.length = file.size();
  return mapped;
}

MappedFile::~MappedFile() { unmap(); }

MappedFile::MappedFile(MappedFile &&other) noexcept
    : base(std::exchange(other.base, nullptr)), length(std::exchange(other.length, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  if (this != &other) {
    unmap();
    base = std::exchange(other.base, nullptr);
    length = std::exchange(other.length, 0);
  }
  return *this;
}

void MappedFile::unmap() {
  if (base)
    ::munmap(const_cast<std::byte *>(base), length);
  base = nullptr;
  length = 0;
}

void MappedFile::dropPages(std::size_t offset, std::size_t count) const {
  if (offset > length)
    return;
  std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::size_t end = offset + std::min(count, length - offset);
  std::size_t first = (offset + page - 1) / page * page;
  // The last page of the file counts as whole when the range reaches the end.
  std::size_t last = end == length ? end : end / page * page;
  if (first < last)
    (void)::madvise(const_cast<std::byte *>(base) + first, last - first, MADV_DONTNEED);
}

static void onBusError(int) {
  static const char message[] =
      "error: a mapped file could not be read (it was cut short or the disk failed while in "
      "use): check the disk, do not change model files during a run, and start again\n";
  (void)!::write(STDERR_FILENO, message, sizeof message - 1);
  ::_exit(1);
}

void installBusErrorHandler() {
  struct sigaction action = {};
  action.sa_handler = onBusError;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

} // namespace ftc::rt
