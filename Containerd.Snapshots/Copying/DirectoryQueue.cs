namespace Containerd.Snapshots;

/// <summary>The directories that wait to be copied, the last one first: that goes down before it goes wide, which keeps few of them open.</summary>
internal sealed class DirectoryQueue
{
    private readonly Stack<CopiedDirectory> _waiting = [];
    private int _active;

    /// <summary>Adds a directory and gives how many wait.</summary>
    public int Add(CopiedDirectory directory)
    {
        lock (_waiting)
        {
            _waiting.Push(directory);
            Monitor.Pulse(_waiting);
            return _waiting.Count;
        }
    }

    /// <summary>Takes a directory, waiting while others may still add some; false where all is done. Each one taken is ended by <see cref="Complete"/>.</summary>
    public bool TryTake(out CopiedDirectory directory)
    {
        lock (_waiting)
        {
            while (!_waiting.TryPop(out directory!))
            {
                if (_active == 0)
                    return false;
                Monitor.Wait(_waiting);
            }
            _active++;
            return true;
        }
    }

    public void Complete()
    {
        lock (_waiting)
        {
            if (--_active == 0 && _waiting.Count == 0)
                Monitor.PulseAll(_waiting);
        }
    }
}
