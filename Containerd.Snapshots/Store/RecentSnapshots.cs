using System.Collections.Concurrent;

namespace Containerd.Snapshots;

/// <summary>
/// What this object has lately read or written of snapshots, by name, so that it is not read again. It may be out of date, since any process changes the store: who
/// uses it compares it in the transaction. Bounded; forgetting costs no more than a look-up.
/// </summary>
internal sealed class RecentSnapshots<T>
{
    private const int Capacity = 1024;

    private readonly ConcurrentDictionary<string, T> _snapshots = new(StringComparer.Ordinal);
    private int _added;

    public bool TryFind(string name, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T snapshot) => _snapshots.TryGetValue(name, out snapshot);

    /// <summary>Finds and forgets.</summary>
    public bool TryTake(string name, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T snapshot) => _snapshots.TryRemove(name, out snapshot);

    public void Add(string name, T snapshot)
    {
        if (TryFind(name, out T? known) && EqualityComparer<T>.Default.Equals(known, snapshot))
            return;
        // Counting a concurrent dictionary locks it whole; what was added since it was last empty is never less.
        if (Interlocked.Increment(ref _added) % Capacity == 0)
            _snapshots.Clear();
        _snapshots[name] = snapshot;
    }
}
