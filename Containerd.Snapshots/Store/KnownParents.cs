using System.Collections.Concurrent;

namespace Containerd.Snapshots;

/// <summary>
/// What was read of committed snapshots that others are made on, so that it is not read for each of them. It may be out of date: who uses it compares
/// <see cref="KnownParent.Row"/> in the transaction, which tells the very snapshot, and a committed snapshot never changes.
/// </summary>
internal sealed class KnownParents
{
    private const int Capacity = 1024;

    private readonly ConcurrentDictionary<string, KnownParent> _parents = new(StringComparer.Ordinal);
    private int _added;

    public KnownParent? Find(string name) => _parents.GetValueOrDefault(name);

    public void Add(string name, KnownParent parent)
    {
        if (Find(name) == parent)
            return;
        // Counting a concurrent dictionary locks it whole; what was added since it was last empty is never less.
        if (Interlocked.Increment(ref _added) % Capacity == 0)
            _parents.Clear();
        _parents[name] = parent;
    }

    public void Forget(string name) => _parents.TryRemove(name, out _);
}

/// <summary>A committed snapshot with the trees that make it up.</summary>
/// <param name="Row">Which it is.</param>
/// <param name="Trees">Its tree and those beneath, topmost first.</param>
internal sealed record KnownParent(SnapshotRow Row, IReadOnlyList<TreeRecord> Trees);
