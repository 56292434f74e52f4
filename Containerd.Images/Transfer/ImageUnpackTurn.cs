namespace Containerd.Images;

/// <summary>
/// The right to make one snapshot out of a layer. It excludes everybody who uses the same content store, in any process, and ends with its holder: it is an ingest that is
/// never written.
/// </summary>
internal sealed class ImageUnpackTurn : IAsyncDisposable
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(16);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(1);

    private readonly IContentStore _content;
    private readonly IContentWriter _taken;

    private ImageUnpackTurn(IContentStore content, IContentWriter taken, string name) => (_content, _taken, Name) = (content, taken, name);

    public string Name { get; }

    /// <summary>Waits for the turn.</summary>
    /// <param name="content">The store.</param>
    /// <param name="name">What it is the turn to.</param>
    /// <param name="waits">Called each time that somebody else is found to have it.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public static async Task<ImageUnpackTurn> TakeAsync(IContentStore content, string name, Action waits, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        for (TimeSpan delay = FirstDelay; ; delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay)
        {
            try
            {
                return new ImageUnpackTurn(content, await content.OpenWriterAsync(name, expected: null, cancellationToken).ConfigureAwait(false), name);
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.Unavailable)
            {
                waits();
            }
            await Task.Delay(delay, timeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _taken.DisposeAsync().ConfigureAwait(false);
        try
        {
            await _content.AbortAsync(Name, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.NotFound)
        {
            // The next one has it already, or had it and is done.
        }
    }
}
