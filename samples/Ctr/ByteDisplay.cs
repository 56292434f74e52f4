using Containerd;
using Spectre.Console;

namespace Ctr;

/// <summary>Shows how many bytes of something are done as a progress bar on a terminal, and not at all elsewhere.</summary>
internal static class ByteDisplay
{
    /// <summary>Shows work on a file.</summary>
    /// <param name="name">What is done.</param>
    /// <param name="total">How many bytes there are; null where nobody knows.</param>
    /// <param name="work">The work.</param>
    public static Task<T> ShowAsync<T>(string name, long? total, Func<IProgress<long>?, Task<T>> work)
    {
        if (!AnsiConsole.Profile.Out.IsTerminal)
            return work(null);
        return Bars().StartAsync(context => work(new Bar(context, name, total)));
    }

    /// <summary>Shows a copy.</summary>
    public static Task<FileTreeCopyProgress> ShowCopyAsync(Func<IProgress<FileTreeCopyProgress>?, Task<FileTreeCopyProgress>> work)
    {
        if (!AnsiConsole.Profile.Out.IsTerminal)
            return work(null);
        return Bars().StartAsync(context => work(new CopyBar(context)));
    }

    private static Progress Bars() => AnsiConsole.Progress()
        .AutoClear(true)
        .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new DownloadedColumn(), new RemainingTimeColumn());

    private sealed class Bar(ProgressContext context, string name, long? total) : IProgress<long>
    {
        private readonly ProgressTask _bar = Add(context, name, total);

        public void Report(long value)
        {
            if (total is null)
                _bar.MaxValue = Math.Max(1, value);
            _bar.Value = value;
        }
    }

    private sealed class CopyBar(ProgressContext context) : IProgress<FileTreeCopyProgress>
    {
        private readonly ProgressTask _bar = Add(context, "copying", null);

        public void Report(FileTreeCopyProgress value)
        {
            _bar.Description = $"copied {value.Entries} entries";
            _bar.MaxValue = Math.Max(1, value.Bytes);
            _bar.Value = value.Bytes;
        }
    }

    private static ProgressTask Add(ProgressContext context, string name, long? total)
    {
        ProgressTask bar = context.AddTask(Markup.Escape(name), maxValue: Math.Max(1, total ?? 1));
        bar.IsIndeterminate = total is null;
        return bar;
    }
}
