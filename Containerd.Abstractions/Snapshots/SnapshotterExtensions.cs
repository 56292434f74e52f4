namespace Containerd;

/// <summary>What every <see cref="ISnapshotter"/> can do by means of its members.</summary>
public static class SnapshotterExtensions
{
    /// <summary>Looks up a snapshot that must exist.</summary>
    /// <param name="snapshotter">The snapshotter.</param>
    /// <param name="key">The key or name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such snapshot.</exception>
    public static async Task<SnapshotInfo> GetAsync(this ISnapshotter snapshotter, string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(snapshotter);
        return await snapshotter.FindAsync(key, cancellationToken).ConfigureAwait(false)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"No snapshot '{Excerpt.Of(key)}' in the {snapshotter.Name} snapshotter.") { Subject = key };
    }
}
