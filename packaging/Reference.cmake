# Writes what a program says of itself where packages want it: manual pages and shell completion,
# from its own --help and flag declarations.
# usage: cmake -DPROGRAM=build/bin/ftc -DOUT=DIR -P Reference.cmake
get_filename_component(NAME ${PROGRAM} NAME)

# Runs the program; its stdout goes to the variable `out`.
function(ask out)
  execute_process(COMMAND ${PROGRAM} ${ARGN} OUTPUT_VARIABLE text RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} ${ARGN} ended with ${code}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# The commands that a --help lists: lines of two spaces and a word, which may be followed by a list
# of commands of its own.
function(commands_of help out)
  string(REGEX MATCHALL "\n  [a-z][a-z-]*" lines "${help}")
  set(names)
  foreach(line ${lines})
    string(REGEX REPLACE "^\n  " "" name "${line}")
    list(APPEND names ${name})
  endforeach()
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

ask(HELP --help)
commands_of("${HELP}" TOP)
set(COMMANDS) # "compile", "catalog list"
set(GROUPS)   # commands that have commands
foreach(command ${TOP})
  ask(text ${command} --help)
  if(text MATCHES "^usage: [a-z ]+ COMMAND")
    list(APPEND GROUPS ${command})
    commands_of("${text}" inner)
    set(INNER_${command} "${inner}")
    foreach(name ${inner})
      list(APPEND COMMANDS "${command} ${name}")
    endforeach()
  else()
    list(APPEND COMMANDS ${command})
  endif()
endforeach()

# Manual pages: one a command, and one of the program.
file(MAKE_DIRECTORY ${OUT}/man)
set(SEE)
foreach(command ${COMMANDS})
  string(REPLACE " " ";" words "${command}")
  string(REPLACE " " "-" page "${NAME}-${command}")
  ask(text ${words} --print_reference man)
  file(WRITE ${OUT}/man/${page}.1 "${text}")
  string(APPEND SEE ".BR ${page} (1)\n")
endforeach()
string(TOUPPER ${NAME} CAPITALS)
ask(VERSION --version)
string(REGEX MATCH "ftc [0-9.]+" VERSION "${VERSION}")
string(REPLACE "\\" "\\e" BODY "${HELP}")
string(REPLACE "-" "\\-" BODY "${BODY}")
string(REGEX REPLACE "\n([.'])" "\n\\\\&\\1" BODY "${BODY}")
if(NAME STREQUAL "ftc")
  set(WHAT "compile the fine\\-tuning step of a language model")
else()
  set(WHAT "run, evaluate and export fine\\-tuned language models")
endif()
file(WRITE ${OUT}/man/${NAME}.1 ".TH ${CAPITALS} 1 \"\" \"${VERSION}\" \"ftc\"
.SH NAME
${NAME} \\- ${WHAT}
.SH SYNOPSIS
.B ${NAME}
.I COMMAND
[\\fIFLAGS\\fP]
.SH DESCRIPTION
.nf
${BODY}.fi
.SH EXIT STATUS
0 on success; 2 for a command or a flag that is unknown, missing, or has another value than expected; 1 for
every other failure. The last line on stderr says why. A command's own page has what is beyond these.
.SH SEE ALSO
${SEE}")

file(GLOB PAGES ${OUT}/man/*.1)
execute_process(COMMAND gzip -9nf ${PAGES} COMMAND_ERROR_IS_FATAL ANY)

# Completion: tables of flags and values by command. Words hold no quotes.
set(FLAGS_CASES)
set(VALUE_CASES)
set(FILE_CASES)
set(FISH "# Completion of ${NAME} for fish, made from its flags.\ncomplete -c ${NAME} -f\n")
function(fish_commands condition names)
  foreach(name ${names})
    set(FISH "${FISH}complete -c ${NAME} -n '${condition}' -a ${name}\n")
  endforeach()
  set(FISH "${FISH}" PARENT_SCOPE)
endfunction()
fish_commands("__fish_use_subcommand" "${TOP}")
foreach(group ${GROUPS})
  string(REPLACE ";" " " inner "${INNER_${group}}")
  fish_commands("__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${inner}"
                "${INNER_${group}}")
  string(APPEND FLAGS_CASES "    '${group}') echo '${inner}' ;;\n")
endforeach()
foreach(command ${COMMANDS})
  string(REPLACE " " ";" words "${command}")
  ask(table ${words} --print_reference flags)
  set(seen "true")
  foreach(word ${words})
    string(APPEND seen "; and __fish_seen_subcommand_from ${word}")
  endforeach()
  string(REPLACE "true; and " "" seen "${seen}")
  set(flags)
  set(files)
  string(REPLACE ";" "," table "${table}")
  string(REGEX REPLACE "\n$" "" table "${table}")
  string(REPLACE "\n" ";" rows "${table}")
  foreach(row ${rows})
    string(REGEX MATCH "^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$" all "${row}")
    set(flag ${CMAKE_MATCH_1})
    set(kind ${CMAKE_MATCH_2})
    set(choices "${CMAKE_MATCH_3}")
    string(REPLACE "'" "" help "${CMAKE_MATCH_4}")
    list(APPEND flags "--${flag}")
    set(extra "-x")
    if(kind STREQUAL "file")
      list(APPEND files "--${flag}")
      set(extra "-rF")
    elseif(kind STREQUAL "boolean")
      set(extra "")
    elseif(NOT choices STREQUAL "")
      set(extra "-xa '${choices}'")
    endif()
    if(NOT choices STREQUAL "")
      string(APPEND VALUE_CASES "    '${command} --${flag}') echo '${choices}' ;;\n")
    endif()
    string(APPEND FISH "complete -c ${NAME} -n '${seen}' -l ${flag} ${extra} -d '${help}'\n")
  endforeach()
  string(REPLACE ";" " " flags "${flags}")
  string(APPEND FLAGS_CASES "    '${command}') echo '${flags}' ;;\n")
  foreach(flag ${files})
    string(APPEND FILE_CASES "    '${command} ${flag}') return 0 ;;\n")
  endforeach()
endforeach()
# Files, but not where the command of a group is still to come.
set(files "not __fish_use_subcommand")
foreach(group ${GROUPS})
  string(REPLACE ";" " " inner "${INNER_${group}}")
  string(APPEND files "; and begin; not __fish_seen_subcommand_from ${group}; or "
                      "__fish_seen_subcommand_from ${inner}; end")
endforeach()
string(APPEND FISH "complete -c ${NAME} -n '${files}' -F\n")
string(REPLACE ";" " " TOP_WORDS "${TOP}")
string(REPLACE ";" "|" GROUP_WORDS "${GROUPS}")
if(GROUP_WORDS STREQUAL "")
  set(GROUP_WORDS "no-such-command")
endif()
foreach(SHELL bash zsh)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/completion.${SHELL}.in ${OUT}/${SHELL}/${NAME} @ONLY)
endforeach()
file(WRITE ${OUT}/fish/${NAME}.fish "${FISH}")
