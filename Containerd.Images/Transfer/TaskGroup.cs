namespace Containerd.Images;

/// <summary>Tasks that succeed together: the first failure stops the others, all are waited for, and that failure is what is thrown.</summary>
internal sealed class TaskGroup : IDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly List<Task> _tasks = [];
    private Exception? _failure;

    public TaskGroup(CancellationToken cancellationToken) => _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

    /// <summary>Starts a task. It fails where another one failed before it was done.</summary>
    public Task Run(Func<CancellationToken, Task> work)
    {
        Task task = RunAsync(work);
        _tasks.Add(task);
        return task;
    }

    /// <summary>Waits for all, and throws the first failure.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        if (_failure is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_failure);
    }

    public void Dispose() => _stop.Dispose();

    private async Task RunAsync(Func<CancellationToken, Task> work)
    {
        try
        {
            await work(_stop.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
            await _stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }
}
