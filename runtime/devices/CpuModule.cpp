// The object is written to an anonymous memory file that is sealed against every change before
// the dynamic linker sees it, so what was checked is what runs.
#include "runtime/devices/CpuModule.h"

#include "runtime/support/File.h"
#include "runtime/support/Text.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace ftc::rt {

namespace {
class CpuModule final : public Module {
public:
  CpuModule(FileDescriptor file, void *library) : file(std::move(file)), library(library) {}
  ~CpuModule() override { dlclose(library); }
  KernelHandle kernel(std::size_t index) const override { return kernels[index]; }

  // dlopen recognises files by inode: the descriptor stays open as long as the library does,
  // so that its inode is not used again.
  FileDescriptor file;
  void *library;
  std::vector<KernelHandle> kernels;
};
} // namespace

static Status broken(const std::string &what) {
  return Status::error("the artifact's code is not a plain x86-64 shared object (" + what +
                       "): compile it again");
}

/// Copies a struct out of the object, or false when it lies outside.
template <typename T>
static bool readAt(std::span<const std::uint8_t> object, std::uint64_t offset, T &value) {
  if (offset > object.size() || object.size() - offset < sizeof(T))
    return false;
  std::memcpy(&value, object.data() + offset, sizeof(T));
  return true;
}

static Status checkDynamic(std::span<const std::uint8_t> object, const Elf64_Phdr &header) {
  for (std::uint64_t i = 0; i < header.p_filesz / sizeof(Elf64_Dyn); ++i) {
    Elf64_Dyn entry;
    if (!readAt(object, header.p_offset + i * sizeof(entry), entry))
      return broken("its dynamic section lies outside");
    switch (entry.d_tag) {
    case DT_NULL:
      return Status::ok();
    case DT_NEEDED:
      return broken("it needs other libraries");
    case DT_INIT:
    case DT_FINI:
    case DT_INIT_ARRAY:
    case DT_FINI_ARRAY:
    case DT_PREINIT_ARRAY:
      return broken("it runs code when it is loaded");
    case DT_TEXTREL:
      return broken("its code needs relocation");
    default:
      break;
    }
  }
  return Status::ok();
}

Status checkElf(std::span<const std::uint8_t> object) {
  Elf64_Ehdr elf;
  if (!readAt(object, 0, elf) || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
      elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB)
    return broken("no 64-bit ELF header");
  if (elf.e_type != ET_DYN || elf.e_machine != EM_X86_64 ||
      elf.e_phentsize != sizeof(Elf64_Phdr))
    return broken("another kind of file or machine");
  bool stackSeen = false, dynamicSeen = false;
  for (unsigned i = 0; i < elf.e_phnum; ++i) {
    Elf64_Phdr header;
    std::uint64_t at, end;
    if (__builtin_add_overflow(elf.e_phoff, std::uint64_t(i) * sizeof(header), &at) ||
        !readAt(object, at, header) ||
        __builtin_add_overflow(header.p_offset, header.p_filesz, &end) ||
        (header.p_filesz > 0 && end > object.size()))
      return broken("a segment lies outside");
    if (header.p_type == PT_LOAD && (header.p_flags & PF_W) && (header.p_flags & PF_X))
      return broken("a segment is writable and executable");
    if (header.p_type == PT_GNU_STACK) {
      stackSeen = true;
      if (header.p_flags & PF_X)
        return broken("it wants an executable stack");
    }
    if (header.p_type == PT_INTERP)
      return broken("it is a program");
    if (header.p_type == PT_DYNAMIC) {
      dynamicSeen = true;
      FTC_RETURN_IF_ERROR(checkDynamic(object, header));
    }
  }
  if (!dynamicSeen)
    return broken("no dynamic section");
  if (!stackSeen) // the dynamic linker would make the stack executable
    return broken("it does not say what stack it wants");
  return Status::ok();
}

static Status forbidden(const char *step, const char *reason) {
  return Status::error(std::string("this system does not let ftrt run compiled code from a "
                                   "sealed memory file (") +
                       step + ": " + escape(reason, 200) +
                       "): allow memfd_create and executable mappings of it");
}

/// An anonymous file with the object's bytes that nobody can change any more.
static Result<FileDescriptor> sealedFile(std::span<const std::uint8_t> object) {
  int fd = memfd_create("ftc-kernels", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) // kernels before 6.3 do not know MFD_EXEC
    fd = memfd_create("ftc-kernels", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0)
    return forbidden("memfd_create", std::strerror(errno));
  FileDescriptor file(fd);
  for (std::size_t written = 0; written < object.size();) {
    ssize_t step = write(fd, object.data() + written, object.size() - written);
    if (step < 0 && errno == EINTR)
      continue;
    if (step <= 0)
      return forbidden("write", std::strerror(errno));
    written += static_cast<std::size_t>(step);
  }
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return forbidden("sealing", std::strerror(errno));
  return file;
}

Result<std::unique_ptr<Module>> loadCpuModule(std::span<const std::uint8_t> object,
                                              std::span<const KernelSpec> kernels) {
  FTC_RETURN_IF_ERROR(checkElf(object));
  FTC_ASSIGN_OR_RETURN(FileDescriptor file, sealedFile(object));
  std::string path = "/proc/self/fd/" + std::to_string(file.get());
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return forbidden("dlopen", reason ? reason : "unknown");
  }
  auto module = std::make_unique<CpuModule>(std::move(file), library);
  for (const KernelSpec &spec : kernels) {
    void *function = dlsym(library, std::string(spec.name).c_str());
    if (!function)
      return Status::error("the artifact's code has no kernel " + quote(spec.name) +
                           ": compile it again");
    module->kernels.push_back({function, spec.scratchBytes});
  }
  return std::unique_ptr<Module>(std::move(module));
}

} // namespace ftc::rt
