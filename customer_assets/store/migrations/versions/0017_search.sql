-- An index finds what begins with something: so every end of a number, or of a word of a mailbox, is in it.
create function public.search_pieces(kind text, value text)
returns tsvector
language sql
immutable
parallel safe
as $$
    select coalesce(array_to_tsvector(array_agg(distinct substr(w.word, n))), ''::tsvector)
    from (
        select ltrim(regexp_replace(value, '[^0-9]', '', 'g'), '0') as word, 4 as shortest
        where kind = 'phone'
            and value is not null
        union all
        select lower(found[1]), 3
        from regexp_matches(value, '([[:alnum:]]+)', 'g') as found
        where kind = 'email'
    ) w
    cross join lateral generate_series(1, least(length(w.word), 40) - w.shortest + 1) as n
$$;
comment on function public.search_pieces(text, text) is
    'The ends of a number (kind phone) or of the words of a mailbox (email): what begins with a piece finds it.';

create function public.search_persons(persons jsonb)
returns tsvector
language sql
immutable
parallel safe
as $$
    select coalesce(array_to_tsvector(array_agg(distinct lower(found[1]))), ''::tsvector)
    from jsonb_path_query(
        case when jsonb_typeof(persons) = 'array' then persons else '[]' end, '$[*] ? (@.type() == "object").*'
    ) as said
    cross join lateral regexp_matches(left(said #>> '{}', 400), '([[:alnum:]]+)', 'g') as found
$$;
comment on function public.search_persons(jsonb) is 'The words of what is known of contact persons.';
