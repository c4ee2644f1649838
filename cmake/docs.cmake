# The man page and the completions come from the option tables of the built program.
set(EK_DOCS ${CMAKE_BINARY_DIR}/docs)
file(MAKE_DIRECTORY ${EK_DOCS})
set(EK_DOC_FILES)
foreach(doc IN ITEMS "evenkeel.1|man" "evenkeel.bash|completions bash" "_evenkeel|completions zsh"
    "evenkeel.fish|completions fish")
  string(REPLACE "|" ";" parts "${doc}")
  list(GET parts 0 name)
  list(GET parts 1 verb)
  separate_arguments(verb)
  add_custom_command(OUTPUT ${EK_DOCS}/${name}
    COMMAND evenkeel ${verb} > ${EK_DOCS}/${name} DEPENDS evenkeel VERBATIM)
  list(APPEND EK_DOC_FILES ${EK_DOCS}/${name})
endforeach()
add_custom_target(docs ALL DEPENDS ${EK_DOC_FILES})

install(FILES ${EK_DOCS}/evenkeel.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${EK_DOCS}/evenkeel.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME evenkeel)
install(FILES ${EK_DOCS}/_evenkeel DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${EK_DOCS}/evenkeel.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
