# embed_grants(HEADER path README file ROLE name)
#
# Makes ${CMAKE_BINARY_DIR}/path from the SQL that the README shows for that role: bounced::db::NAME_grants, and the
# role's name as bounced::db::NAME. So the rights are written once.
function(embed_grants)
  cmake_parse_arguments(arg "" "HEADER;README;ROLE" "" ${ARGN})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_README})
  file(READ ${arg_README} readme)
  if(NOT readme MATCHES "create role ${arg_ROLE};\n([^`]*)```")
    message(FATAL_ERROR "${arg_README} does not make the role ${arg_ROLE}")
  endif()
  set(grants "${CMAKE_MATCH_1}")
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${arg_HEADER} CONTENT
"// Made by CMake from README.md.
#pragma once
namespace bounced::db {
inline constexpr const char* ${arg_ROLE}_grants = R\"_sql_(@grants@)_sql_\";
}
" @ONLY)
endfunction()

# embed_sql(HEADER path FILES files... [NAMESPACE name | LIST name])
#
# Makes ${CMAKE_BINARY_DIR}/path from SQL files: with NAMESPACE, one string constant a file, named after it, in
# bounced::db::name; with LIST, an array of {file name, text} in the order of the names.
function(embed_sql)
  cmake_parse_arguments(arg "" "NAMESPACE;LIST;HEADER" "FILES" ${ARGN})
  list(SORT arg_FILES)
  set(body "")
  foreach(file ${arg_FILES})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    get_filename_component(stem ${file} NAME_WE)
    get_filename_component(base ${file} NAME)
    if(arg_NAMESPACE)
      string(APPEND body "inline constexpr const char* ${stem} = R\"_sql_(${text})_sql_\";\n")
    else()
      string(APPEND body "    {\"${base}\", R\"_sql_(${text})_sql_\"},\n")
    endif()
  endforeach()
  if(arg_NAMESPACE)
    set(body "namespace bounced::db::${arg_NAMESPACE} {\n${body}}\n")
  else()
    set(body "namespace bounced::db {\nstruct SqlFile {\n  const char* name;\n  const char* text;\n};\ninline constexpr SqlFile ${arg_LIST}[] = {\n${body}};\n}\n")
  endif()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${arg_HEADER} CONTENT "// Made by CMake from SQL files.\n#pragma once\n@body@" @ONLY)
endfunction()

# embed_text(HEADER path NAMESPACE name NAME constant FILE file)
#
# Makes ${CMAKE_BINARY_DIR}/path with the text of one file.
function(embed_text)
  cmake_parse_arguments(arg "" "HEADER;NAMESPACE;NAME;FILE" "" ${ARGN})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_FILE})
  file(READ ${arg_FILE} text)
  get_filename_component(base ${arg_FILE} NAME)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${arg_HEADER} CONTENT
"// Made by CMake from @base@.
#pragma once
#include <string_view>
// Longer than the standard promises, not than compilers take.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \"-Woverlength-strings\"
namespace ${arg_NAMESPACE} {
inline constexpr std::string_view ${arg_NAME} = R\"_text_(@text@)_text_\";
}
#pragma GCC diagnostic pop
" @ONLY)
endfunction()
