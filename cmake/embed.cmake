# Turns text files into C strings: ek_embed(OUTPUT FILE...) adds a command that writes OUTPUT, in which
# src/report/page.css is `const char ek_embedded_page_css[]`. As a script (-P) it is that command.
if(CMAKE_SCRIPT_MODE_FILE)
  string(REPLACE "|" ";" FILES "${FILES}")
  set(text "/* Made by cmake/embed.cmake. */\n#include \"report/embedded.h\"\n")
  foreach(file IN LISTS FILES)
    get_filename_component(name ${file} NAME)
    string(REPLACE "." "_" name ${name})
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
    string(APPEND text "const char ek_embedded_${name}[] = {\n${bytes}0};\n")
  endforeach()
  file(WRITE ${OUTPUT} "${text}")
  return()
endif()

set(EK_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(ek_embed output)
  string(JOIN "|" files ${ARGN})
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${output}" "-DFILES=${files}" -P ${EK_EMBED_SCRIPT}
    DEPENDS ${ARGN} ${EK_EMBED_SCRIPT} VERBATIM)
endfunction()
