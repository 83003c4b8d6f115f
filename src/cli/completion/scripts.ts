/** The line by which a shell is asked to complete names of files. */
export const FILES = ':files';

/**
 * What each shell runs: it asks `tsrq completion --words` for what may come next, a line each: value, tab, description. Values are
 * never evaluated by the shell: names of queues are whatever somebody has chosen.
 */
export const SCRIPTS: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: `# Completion of tsrq in bash: eval "$(tsrq completion bash)"
_tsrq() {
  local line=\${COMP_LINE:0:COMP_POINT} words cur breaks= prefix= value
  IFS=$' \\t\\n' read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  # Only what follows the last of readline's word breaks is replaced.
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
  [[ -n $breaks ]] && prefix=\${cur%"\${cur##*[$breaks]}"}
  COMPREPLY=()
  while IFS= read -r value; do
    if [[ $value == ${FILES} ]]; then
      compopt -o filenames 2> /dev/null
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "\${cur#"$prefix"}")
      return
    fi
    value=\${value%%$'\\t'*}
    printf -v value %q "\${value#"$prefix"}"
    COMPREPLY+=("$value")
  done < <(tsrq completion --words -- "\${words[@]:1}" 2> /dev/null)
}
complete -F _tsrq tsrq
`,
  zsh: `#compdef tsrq
# Completion of tsrq in zsh: source <(tsrq completion zsh)
_tsrq() {
  local line value
  local -a values
  while IFS= read -r line; do
    if [[ $line == ${FILES} ]]; then
      _files
      return
    fi
    # A colon begins the description, unless a backslash stands before it.
    value=\${line%%$'\\t'*}
    value=\${value//\\\\/\\\\\\\\}
    value=\${value//:/\\\\:}
    line=\${line#*$'\\t'}
    values+=("$value\${line:+:$line}")
  done < <(tsrq completion --words -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2> /dev/null)
  (( \${#values} )) && _describe tsrq values
}
if [[ \${funcstack[1]} == _tsrq ]]; then _tsrq "$@"; else compdef _tsrq tsrq; fi
`,
  fish: `# Completion of tsrq in fish: tsrq completion fish | source
function __tsrq_complete
    # The word that is being typed, as the shell would pass it on; as it stands if a quote is open.
    set -l current (commandline -ct | string unescape)
    or set current (commandline -ct)
    set -l words (commandline -opc) $current
    for line in (tsrq completion --words -- $words[2..-1] 2> /dev/null)
        if test "$line" = '${FILES}'
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c tsrq -f -a '(__tsrq_complete)'
`,
};
