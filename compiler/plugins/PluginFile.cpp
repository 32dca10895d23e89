// What the loader takes for granted of a library's headers, told beforehand.
#include "compiler/plugins/PluginFile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

namespace ftc {

static llvm::Error expectedLibrary(llvm::StringRef got) {
  return llvm::createStringError("expected a shared library, got " + got);
}

llvm::Error checkPluginFile(llvm::StringRef file) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(file, status))
    return llvm::createStringError(error.message());
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return expectedLibrary(llvm::sys::fs::is_directory(status) ? "a directory" : "no file");
  auto read = llvm::MemoryBuffer::getFile(file, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!read)
    return llvm::createStringError(read.getError().message());
  llvm::StringRef bytes = (*read)->getBuffer();
  if (bytes.empty())
    return expectedLibrary("an empty file");
  if (!bytes.starts_with(llvm::ELF::ElfMagic))
    return expectedLibrary("a file of another kind");
  auto elf = llvm::object::ELF64LEFile::create(bytes);
  if (!elf) {
    llvm::consumeError(elf.takeError());
    return expectedLibrary("one cut short");
  }
  const auto &header = elf->getHeader();
  if (header.e_ident[llvm::ELF::EI_CLASS] != llvm::ELF::ELFCLASS64 ||
      header.e_ident[llvm::ELF::EI_DATA] != llvm::ELF::ELFDATA2LSB ||
      header.e_machine != llvm::ELF::EM_X86_64)
    return expectedLibrary("one of another machine than x86-64");
  auto segments = elf->program_headers();
  bool whole = segments && llvm::all_of(*segments, [&](const auto &segment) {
                 return segment.p_offset <= bytes.size() &&
                        segment.p_filesz <= bytes.size() - segment.p_offset;
               });
  llvm::consumeError(segments.takeError());
  return whole ? llvm::Error::success() : expectedLibrary("one cut short");
}

} // namespace ftc
