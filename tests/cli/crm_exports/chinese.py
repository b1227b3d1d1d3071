"""A CRM with Chinese headings, in GB 18030."""

from pathlib import Path

from tests.cli.crm_exports.company import ACCOUNTS, OWNERS, Deal, Lead, calls, deals, leads
from tests.cli.crm_exports.writing import day, save

CHINESE_STAGES = ("意向", "入围", "谈判", "成交中")


def chinese(folder: Path) -> None:
    """商机, 阶段变更, 跟进记录 and 线索, with semicolons and in GB 18030."""
    how = {"sep": ";", "encoding": "gb18030"}
    save(folder, "商机.csv", [_chinese_deal(each) for each in deals()], **how)
    moves = [
        {
            "商机编号": f"SJ{deal.number:04d}",
            "原阶段": CHINESE_STAGES[place - 1],
            "新阶段": CHINESE_STAGES[place],
            "变更时间": day(deal.entered[place], "%Y/%m/%d %H:%M"),
        }
        for deal in deals()
        for place in range(1, len(deal.entered))
    ]
    save(folder, "阶段变更.csv", moves, **how)
    kinds = {"Call": "电话", "Email": "邮件", "Meeting": "拜访"}
    called = [
        {
            "商机编号": f"SJ{number:04d}",
            "跟进方式": kinds[kind],
            "跟进时间": day(at, "%Y/%m/%d %H:%M"),
        }
        for number, at, kind in calls()
    ]
    save(folder, "跟进记录.csv", called, **how)
    save(folder, "线索.csv", [_chinese_lead(each) for each in leads()], **how)


def _chinese_deal(deal: Deal) -> dict[str, object]:
    return {
        "商机编号": f"SJ{deal.number:04d}",
        "商机名称": f"项目{deal.number}",
        "客户名称": ACCOUNTS[deal.account],
        "销售阶段": CHINESE_STAGES[len(deal.entered) - 1],
        "金额": f"{deal.amount},00",
        "状态": {"won": "赢单", "lost": "输单", "open": "跟进中"}[deal.outcome],
        "创建时间": day(deal.created, "%Y/%m/%d %H:%M"),
        "预计成交日期": day(deal.expected, "%Y/%m/%d"),
        "关闭时间": day(deal.closed, "%Y/%m/%d %H:%M"),
        "负责人": OWNERS[deal.owner],
        "客户级别": deal.segment,
        "赢率": 10 * len(deal.entered),
    }


def _chinese_lead(lead: Lead) -> dict[str, object]:
    state = "已转化" if lead.deal is not None else "跟进中"
    return {
        "线索编号": f"XS{lead.number:04d}",
        "创建时间": day(lead.created, "%Y/%m/%d %H:%M"),
        "状态": "无效" if lead.is_disqualified else state,
        "转化时间": day(lead.ended, "%Y/%m/%d %H:%M") if lead.deal is not None else None,
        "转化商机": None if lead.deal is None else f"SJ{lead.deal:04d}",
        "更新时间": day(lead.ended or lead.created, "%Y/%m/%d %H:%M"),
        "来源": ("网站", "展会")[lead.number % 2],
        "负责人": OWNERS[lead.owner],
    }
