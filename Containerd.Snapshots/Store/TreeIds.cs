using System.Diagnostics.CodeAnalysis;

namespace Containerd.Snapshots;

/// <summary>Gives out IDs for new trees, and knows which are being made.</summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "Whoever waits for a semaphore that is disposed waits for ever.")]
internal sealed class TreeIds(MetadataStore metadata, string owner)
{
    // One transaction reserves as many; what a process does not use of them is a gap in the numbers.
    private const int BlockSize = 64;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly HashSet<long> _inProgress = [];
    private long _next;
    private long _end;

    /// <summary>A new ID, in progress until <see cref="Done"/>.</summary>
    public async ValueTask<long> NextAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_next == _end)
            {
                // Blocks whose IDs are all done with need no protection any more; otherwise they would add up for as long as the process lives.
                long oldest = InProgress().DefaultIfEmpty(_end).Min();
                _next = await metadata.WriteAsync(connection => ReservationTable.Reserve(connection, BlockSize, owner, oldest), cancellationToken).ConfigureAwait(false);
                _end = _next + BlockSize;
            }
            long id = _next++;
            lock (_inProgress)
                _inProgress.Add(id);
            return id;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>The tree belongs to a snapshot now, or its directory is gone.</summary>
    public void Done(long id)
    {
        lock (_inProgress)
            _inProgress.Remove(id);
    }

    public HashSet<long> InProgress()
    {
        lock (_inProgress)
            return [.. _inProgress];
    }
}
