using System.Collections.Concurrent;

namespace Containerd.Snapshots;

/// <summary>The trees of active snapshots that this object has prepared, so that committing them reads nothing first. May be out of date, as <see cref="KnownParents"/>.</summary>
internal sealed class PreparedTrees
{
    private const int Capacity = 1024;

    private readonly ConcurrentDictionary<string, TreeRecord> _trees = new(StringComparer.Ordinal);
    private int _added;

    public void Add(string key, TreeRecord tree)
    {
        if (Interlocked.Increment(ref _added) % Capacity == 0)
            _trees.Clear();
        _trees[key] = tree;
    }

    /// <summary>The tree of a key, given once; null where it is not known.</summary>
    public TreeRecord? Take(string key) => _trees.TryRemove(key, out TreeRecord tree) ? tree : null;
}
