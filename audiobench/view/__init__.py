"""A page for looking at samples and listening to them.

    collect(runs)            run directories -> per task: arms, samples, outcomes      (audiobench.view.collect)
    write_site(pages, out)   the page and its data as plain files, opened from disk    (audiobench.view.site)
    serve(site, clips)       the same files and the audio over http on 127.0.0.1       (audiobench.view.server)

The page itself is `page/`: HTML, CSS and plain scripts without a build step. Model output is text there, never markup.
"""
