using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>
/// How many layers an applier has in work, and so on which thread the stages of each run. While there are fewer than processors, every stage has a thread of its own, so that the
/// slowest is the total. Otherwise no processor would be idle for that: what a stage waits for is then taken up at once, by the thread that has made it and while that
/// processor's cache still holds it.
/// </summary>
/// <param name="processors">The number of processors.</param>
internal sealed class LayersInWork(int processors) : PipeScheduler
{
    private int _count;

    /// <summary>Whether there is a layer for every processor.</summary>
    public bool OccupyAllProcessors => Volatile.Read(ref _count) >= processors;

    public void Begin() => Interlocked.Increment(ref _count);

    public void End() => Interlocked.Decrement(ref _count);

    /// <summary>Has a stage go on that waited for another.</summary>
    public override void Schedule(Action<object?> action, object? state)
    {
        if (OccupyAllProcessors)
            action(state); // which runs until it has to wait again: no stage is ever on a stack twice
        else
            ThreadPool.Schedule(action, state);
    }

    /// <summary>
    /// Lets others have the thread whose turn it is: a thread that runs all stages of a layer would keep them waiting until its end. To be called on a thread of the pool, so that it
    /// goes on there, behind all that waits.
    /// </summary>
    public async ValueTask LetOthersRunAsync()
    {
        if (OccupyAllProcessors && System.Threading.ThreadPool.PendingWorkItemCount > 0)
            await Task.Yield();
    }
}
