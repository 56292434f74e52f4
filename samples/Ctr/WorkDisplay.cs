using System.Collections.Concurrent;
using Containerd;
using Spectre.Console;

namespace Ctr;

/// <summary>Shows long work of a snapshotter as progress bars on a terminal, and not at all elsewhere.</summary>
internal static class WorkDisplay
{
    public static Task<T> ShowAsync<T>(Func<IProgress<SnapshotProgress>?, Task<T>> work)
    {
        if (!AnsiConsole.Profile.Out.IsTerminal)
            return work(null);
        return AnsiConsole.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new RemainingTimeColumn())
            .StartAsync(context => work(new Bars(context)));
    }

    private sealed class Bars(ProgressContext context) : IProgress<SnapshotProgress>
    {
        private readonly ConcurrentDictionary<SnapshotWork, ProgressTask> _bars = new();

        public void Report(SnapshotProgress value)
        {
            ProgressTask bar = _bars.GetOrAdd(value.Work, work => context.AddTask(work.ToString()));
            bar.IsIndeterminate = value.Total is null;
            bar.MaxValue = Math.Max(1, value.Total ?? 1);
            bar.Value = value.Done;
            bar.Description = $"{value.Work} {value.Done}{(value.Total is { } total ? $" of {total}" : "")}";
        }
    }
}
