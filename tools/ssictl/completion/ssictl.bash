# bash completion for ssictl; names come from ssictl itself.                                  -*- shell-script -*-

_ssictl() {
    local cur words cword
    cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()

    # The words that count: no options, nothing at or after the cursor.
    words=()
    local i word
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --member | --directory | --cluster | --config) ((i++)) ;;
            -*) ;;
            *) words+=("$word") ;;
        esac
    done
    cword=${#words[@]}

    local choices='' names=''
    case ${COMP_WORDS[COMP_CWORD - 1]} in
        --member) names=members ;;
        --directory)
            compopt -o dirnames
            return
            ;;
        --config)
            compopt -o default
            return
            ;;
        --cluster) return ;;
        *)
            case "${words[*]:0:2}" in
                '') choices='query guest relocate member link ca version' ;;
                query) choices='ssi' ;;
                guest) choices='list show start shutdown destroy' ;;
                relocate) choices='move status' ;;
                member) choices='set-down leave' ;;
                link) choices='list' ;;
                ca) choices='init issue' ;;
                'guest show' | 'guest start' | 'guest shutdown' | 'guest destroy' | 'relocate status')
                    [ "$cword" -eq 2 ] && names=guests
                    ;;
                'relocate move')
                    [ "$cword" -eq 2 ] && names=guests
                    [ "$cword" -eq 3 ] && names=members
                    ;;
                'member set-down' | 'ca issue') [ "$cword" -eq 2 ] && names=members ;;
            esac
            ;;
    esac

    if [[ $cur == -* ]]; then
        choices='--help --json'
        case "${words[*]:0:2}" in
            'guest start') choices+=' --member' ;;
            'query ssi' | 'guest list') choices+=' --names' ;;
            'member set-down') choices+=' --yes' ;;
            'ca init') choices+=' --directory --cluster --config --force' ;;
            'ca issue') choices+=' --directory --force' ;;
        esac
        names=
    fi

    # Names may hold blanks: one a line, and quoted for the shell.
    local IFS=$'\n' name
    case $names in
        guests) choices=$(ssictl guest list --names 2>/dev/null) ;;
        members) choices=$(ssictl query ssi --names 2>/dev/null) ;;
        *) choices=${choices// /$'\n'} ;;
    esac
    for name in $choices; do
        [[ $name == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
    done
}

complete -F _ssictl ssictl
