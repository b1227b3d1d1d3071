"""What the columns and tables of usual CRMs are called: Salesforce, HubSpot, Pipedrive, Odoo,
Dynamics, by their interfaces and by the labels of their pages, and the Chinese words for the same.

A *concept* is what a column means for a role of a table; its names stand in the order in which
they are preferred, as `normal` writes them.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

_MARKED = re.compile(
    r"^\(do not modify\) |^(?:deal|lead|activity|person|organi[sz]ation|opportunity) - |__c$"
)
_LOOKUP = re.compile(r"^_(.+)_value$")


def normal(name: str) -> str:
    """A name without case, spaces, signs, and the marks that exports put before and after it.

    >>> [normal(each) for each in ("Deal - Won time", "_ownerid_value", "Is Closed?", "商机 编号")]
    ['wontime', 'ownerid', 'isclosed', '商机编号']
    """
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    text = _LOOKUP.sub(r"\1", _MARKED.sub("", text))
    return re.sub(r"[\W_]+", "", text)


_OWNER = "ownerid hubspotownerid owner opportunityowner dealowner leadowner contactowner"
_OWNER += " salesperson userid user assignedtouser salesagent 负责人 所有人 所有者 销售 销售员"
_OWNER += " 销售人员 业务员 跟进人 assignedto employeeid owneremployeeid"
_ACCOUNT = "accountid accountname account orgid organization companyid associatedcompany"
_ACCOUNT += " parentaccountid customerid associatedcompanyids partnerid customer potentialcustomer"
_ACCOUNT += " company client 客户编号 客户名称 客户"
_CREATED = "createdat createddate createdate createdon createtime addtime created dealcreated"
_CREATED += (
    " hscreatedate leadcreated creationdate datecreated dateadded 创建时间 创建日期 建立时间"
)
_CREATED += " 录入时间 opened openedat opendate registeredat engagedate"
MODIFIED = "lastmodifieddate hslastmodifieddate modifiedon updatetime updatedat writedate"
MODIFIED += " lastmodified lastupdatedon lastmodifiedon systemmodstamp modifieddate 更新时间"
MODIFIED += " 最后修改时间 修改时间"
_DEAL = "dealid opportunityid whatid associateddealids associateddealid associationsdeals"
_DEAL += " regardingobjectid resid deal opportunity relatedtoid 商机编号 商机id 商机"
_LEAD = "leadid whoid associatedcontactids associationscontacts contactid lead 线索编号 线索id 线索"
_CLOSE_DAY = "closedate"
_EXPECTED = "expectedclosedate estimatedclosedate estclosedate expectedclosing datedeadline"
_EXPECTED += " expectedclose 预计成交日期 预计签单日期 预计结单日期 预计成交时间 预计成交"
_STAGE = "stage stagename dealstage stageid salesstage stepname pipelinephase 销售阶段 商机阶段"
_STAGE += " 阶段"
_AMOUNT = "amount value dealvalue dealamount estimatedvalue estrevenue expectedrevenue"
_AMOUNT += " plannedrevenue opportunityamount amountreq amountrequested requestedamount loanamount"
_AMOUNT += " 金额 商机金额 预计金额 预计销售金额 合同金额 申请金额"
_FORECAST = "forecastcategory forecastcategoryname hsforecastcategory hsmanualforecastcategory"
_FORECAST += " msdynforecastcategory 预测类别"
_PROBABILITY = "probability hsdealstageprobability dealprobability closeprobability"
_PROBABILITY += " stageprobability defaultprobability 赢率"

CONCEPTS: Final[Mapping[str, Mapping[str, str]]] = {
    "deals": {
        "id": "dealid opportunityid id crmleadid hsobjectid recordid 商机编号 商机id 机会编号"
        " 销售机会编号 opportunitynumber dealnumber externalid 编号",
        "name": "dealname opportunityname topic title opportunity name 商机名称 机会名称",
        "created": _CREATED,
        "modified": MODIFIED,
        "won_at": "wontime wonat wondate dealwontime 赢单时间 赢单日期",
        "lost_at": "losttime lostat lostdate 输单时间 输单日期",
        "closed": "closedat actualclosedate actualclose dateclosed closetime closedon dealclosedon"
        " closeddate 实际成交日期 关闭时间 关闭日期 结单时间 结单日期 成交日期",
        "expected": _EXPECTED,
        "mixed": _CLOSE_DAY,
        "outcome": "outcome status dealstatus statecode wonstatus state result 商机状态 状态",
        "is_won": "iswon hsisclosedwon isclosedwon won 是否赢单",
        "is_closed": "isclosed hsisclosed isdealclosed closed 是否关闭",
        "is_lost": "hsisclosedlost isclosedlost lost 是否输单",
        "active": "active isactive",
        "deleted": "isdeleted deleted",
        "type": "type leadtype",
        "stage": _STAGE,
        "process": "process pipeline pipelineid salesprocess 销售流程 流程",
        "amount": _AMOUNT,
        "won_amount": "actualvalue actualrevenue closevalue wonamount 实际金额 成交金额",
        "currency": "currencyisocode currency dealcurrencycode currencyofvalue amountcurrency"
        " transactioncurrencyid isocurrencycode companycurrency 币种 货币",
        "owner": _OWNER,
        "account": _ACCOUNT,
        "lead": "leadid originatingleadid originatinglead sourcelead 线索编号 来源线索",
        "converted": "dateconversion conversiondate",
        "forecast": _FORECAST,
        "probability": _PROBABILITY,
    },
    "leads": {
        "id": "leadid id hsobjectid recordid contactid 线索编号 线索id 编号",
        "name": "fullname name leadname 线索名称 姓名",
        "created": _CREATED,
        "modified": MODIFIED,
        "converted_at": "convertedat converteddate firstdealcreateddate dateconversion"
        " hslifecyclestageopportunitydate becameanopportunitydate conversiondate 转化时间"
        " 转化日期 转换时间 转换日期",
        "converted": "isconverted converted 是否转化 是否转换",
        "deal": "converteddealid convertedopportunityid qualifyingopportunityid"
        " convertedopportunity 转化商机 转化商机编号",
        "disqualified_at": "disqualifiedat disqualifieddate losttime 无效时间",
        "closed": "closedat closeddate dateclosed closedon closetime closedate enddate endedat"
        " 关闭时间 关闭日期 结束时间",
        "outcome": "statecode status leadstatus hsleadstatus lifecyclestage 线索状态 状态 stage",
        "source": "leadsource source sourceid hsanalyticssource originalsource leadsourcecode"
        " 线索来源 来源",
        "owner": _OWNER,
        "account": "accountid convertedaccountid associatedcompanyid orgid parentaccountid",
        "region": "region territory state country 地区 区域 省份",
        "deleted": "isdeleted deleted",
    },
    "changes": {
        "field": "field fieldid fieldname fieldkey property fielddesc fielddescription attribute"
        " 字段 变更字段",
        "new": "newvalue new newvaluechar 新值 变更后",
        "old": "oldvalue old oldvaluechar 旧值 原值 变更前",
        "new_stage": "tostage newstage tostageid 新阶段 变更后阶段 目标阶段",
        "old_stage": "fromstage oldstage fromstageid previousstage 原阶段 变更前阶段 旧阶段",
        "deal": f"{_DEAL} itemid objectid recordid hsobjectid",
        "at": "eventat changedat changedate changetime changedon logtime createddate createdate"
        " createdon timestamp date enteredat datetime at time 变更时间 修改时间 时间",
        "message": "mailmessageid mailmessage",
        "stage": _STAGE,
        "amount": _AMOUNT,
        "expected": f"{_EXPECTED} {_CLOSE_DAY}",
        "forecast": _FORECAST,
        "owner": "ownerid owner 负责人",
    },
    "activities": {
        "done_at": "completeddatetime markedasdonetime actualend 完成时间",
        "at": "eventat hstimestamp startdatetime activitydatetime activitydate activityat"
        " actualstart occurredat happenedat loggedat duedate scheduledend timestamp datetime date"
        " activitytime at time 跟进时间 跟进日期 活动时间 时间",
        "created": _CREATED,
        "modified": MODIFIED,
        "kind": "kind tasksubtype eventsubtype hsengagementtype engagementtype activitytypecode"
        " activitytype messagetype type 跟进方式 跟进类型 活动类型 类型",
        "done": "isdone done isclosed statecode activitystatus hstaskstatus status 完成状态",
        "deal": _DEAL,
        "lead": _LEAD,
        "model": "model resmodel relateddocumentmodel",
        "direction": "direction calltype hscalldirection hsemaildirection directioncode 方向",
        "owner": f"{_OWNER} authorid author",
    },
    "accounts": {
        "id": "accountid id hsobjectid recordid companyid orgid 客户编号 客户id 编号",
        "name": "name accountname companyname account company 客户名称 公司名称",
        "industry": "industry industrycode industryid sector 行业",
        "size": "numberofemployees employees employeecount annualrevenue revenue employeescount"
        " 员工数 规模",
        "place": "billingcountry country countrycode countryid address1country city website domain"
        " address 地区 国家",
    },
    "owners": {
        "id": "ownerid id userid systemuserid employeeid salesagent 工号 编号",
        "name": "name fullname username 姓名",
        "mail": "email username login internalemailaddress domainname 邮箱",
        "team": "team teamname department division userrolename userroleid saleteamid"
        " businessunitid 团队 部门",
        "manager": "managerid manager parentsystemuserid 上级 经理",
        "region": "region territory territoryid regionaloffice country 区域 地区",
        "hired": "hireddate hiredate 入职日期",
        "left": "leftdate terminationdate 离职日期",
        "active": "isactive activeflag active isdisabled",
    },
    "stages": {
        "id": "stageid id",
        "name": "masterlabel name label stagename stagelabel stage 阶段 阶段名称",
        "order": "ordernr sortorder sequence displayorder order stageorder 顺序",
        "probability": _PROBABILITY,
        "is_won": "iswon",
        "process": "pipelineid pipeline teamid",
    },
    "messages": {
        "id": "id",
        "record": "resid",
        "model": "model relateddocumentmodel",
        "at": "date createdate",
        "kind": "messagetype type",
    },
}
"""What the columns of a table of each role are called: role, concept, names."""

TABLE_NAMES: Final[Mapping[str, str]] = {
    "deals": "opportunity opportunities deal deals crmlead crmopportunity salespipeline 商机"
    " 销售机会 机会",
    "leads": "lead leads contact contacts 线索",
    "changes": "opportunityhistory opportunityfieldhistory dealflow dealchanges dealhistory"
    " stagechanges stagehistory dealstagehistory opportunitystagehistory mailtrackingvalue"
    " trackingvalue trackingvalues changelog 阶段变更 变更记录 商机变更 阶段历史",
    "activities": "task tasks event events activity activities engagement engagements"
    " activitypointer call calls email emails meeting meetings note notes mailactivity 跟进记录"
    " 跟进 活动 拜访记录",
    "messages": "mailmessage mailmessages",
    "accounts": "account accounts company companies organization organizations organisations"
    " respartner partners 客户 公司",
    "owners": "user users owner owners systemuser systemusers resusers salesteams employees"
    " 销售人员 员工 用户",
    "stages": "stage stages crmstage opportunitystage dealstages pipelinestages 阶段 销售阶段",
}
"""What files and tables of each role are called."""

LIVE: Final = frozenset(
    f"{MODIFIED} {_PROBABILITY} automatedprobability age agedays pushcount expectedrevenue"
    " proratedrevenue weightedvalue hsprojectedamount hsforecastamount hsclosedamount"
    " hsforecastprobability hasopenactivity hasoverduetask lastactivitydate lastactivity"
    " laststagechangedate lastamountchangedhistoryid lastclosedatechangedhistoryid"
    " datelaststageupdate stagechangetime dayopen dayclose daystoclose daysinstage stageduration"
    " lastactivityindays rottentime activitiescount doneactivitiescount undoneactivitiescount"
    " nextactivitydate nextactivitytime nextactivityid lastactivityid numcontactednotes numnotes"
    " noteslastcontacted noteslastupdated notesnextactivitydate lastvieweddate lastreferenceddate"
    " fiscalyear fiscalquarter fiscal fiscalperiod rowchecksum daysinactive lastcontacteddate"
    " hsisstalled hsdaystoclose hsnumassociateddealsplits isoverdue 停留天数 商机年龄 跟进次数"
    " 最后跟进时间".split()
)
"""A CRM's live fields, which describe today: on a past day they would tell the future."""


def named_role(label: str) -> str | None:
    """The role that the name of a file or table speaks of; the longest name found in it counts.

    >>> [named_role(each) for each in ("OpportunityFieldHistory.csv", "all-deals-2026", "report7")]
    ['changes', 'deals', None]
    """
    bare = normal(re.sub(r"\.\w+(?:\.gz)?$", "", label))
    found = [
        (len(word), role)
        for role, words in TABLE_NAMES.items()
        for word in words.split()
        if word == bare or (word in bare and (len(word) > 3 or not word.isascii()))
    ]
    return max(found)[1] if found else None


def is_name_of(column: str, role: str, concept: str) -> bool:
    """Whether a column is called what a role's concept usually is."""
    return normal(column) in CONCEPTS[role][concept].split()


def columns_by_name(columns: Iterable[str]) -> dict[str, str]:
    """Columns under their normal names; of two of one name the first."""
    found: dict[str, str] = {}
    for column in columns:
        found.setdefault(normal(column), column)
    return found


def find_column(columns: Mapping[str, str], words: str) -> str | None:
    """The column with the first of these names; `columns` as `columns_by_name` gives them."""
    return next((columns[word] for word in words.split() if word in columns), None)


def concepts_of(columns: Iterable[str], role: str) -> dict[str, str]:
    """The column of each concept of a role that has one; a column stands for one concept."""
    left, found = columns_by_name(columns), {}
    for concept, words in CONCEPTS[role].items():
        if column := find_column(left, words):
            found[concept] = column
            left = {name: each for name, each in left.items() if each != column}
    return found
